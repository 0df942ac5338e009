import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import type { Attempt } from '../../../lib/core/attempt.js';
import { Exchange } from '../../../lib/core/exchange.js';
import { resolveOptions } from '../../../lib/core/options.js';
import { IdempotencyKeys } from '../../../lib/retry/idempotency-keys.js';
import { type IdempotencyKeyOptions, retrySchema } from '../../../lib/retry/retry-options.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function keysFor(options: IdempotencyKeyOptions | true = true): IdempotencyKeys {
  const { idempotencyKey } = resolveOptions(retrySchema, { idempotencyKey: options }, 'retry');
  return new IdempotencyKeys(idempotencyKey as Exclude<typeof idempotencyKey, false>);
}

function callWith(rawHeaders: string[] = [], detached = false): Exchange {
  const req = new IncomingMessage(new Socket());
  req.rawHeaders = rawHeaders;
  return new Exchange(req, new ServerResponse(req), detached);
}

function keyOf(keys: IdempotencyKeys, exchange: Exchange, method = 'POST') {
  const permit = keys.admit();
  const request = { method, path: '/', target: { origin: 'http://a' } };
  return permit.sending?.({} as Attempt, exchange, request);
}

describe('IdempotencyKeys', () => {
  it('gives a call one key for all of its attempts, and each call one of its own', () => {
    const keys = keysFor();
    const exchange = callWith();
    const first = keyOf(keys, exchange);
    expect(first?.[0]).to.equal('Idempotency-Key');
    expect(first?.[1]).to.match(UUID);
    expect(first).to.have.length(2);
    expect(exchange.idempotencyKey).to.deep.equal(first);
    expect(keyOf(keys, exchange)).to.deep.equal(first);
    expect(keyOf(keys, callWith())?.[1]).not.to.equal(first?.[1]);
  });

  it('gives one to the methods that are listed', () => {
    for (const method of ['POST', 'PATCH']) expect(keyOf(keysFor(), callWith(), method)).to.have.length(2);
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const exchange = callWith();
      expect(keyOf(keysFor(), exchange, method)).to.equal(undefined);
      expect(exchange.idempotencyKey).to.equal(undefined);
      expect(keysFor().covers(method)).to.equal(false);
    }
    const listed = keysFor({ methods: ['PUT'] });
    expect([listed.covers('PUT'), listed.covers('POST')]).to.deep.equal([true, false]);
    expect(keyOf(listed, callWith(), 'PUT')).to.have.length(2);
  });

  it('writes it in quotes, in another header, where that is wanted', () => {
    const [name, value] = keyOf(keysFor({ header: 'X-Request-Key', quoted: true }), callWith()) ?? [];
    expect(name).to.equal('X-Request-Key');
    expect(value?.slice(1, -1)).to.match(UUID);
    expect(`${value?.at(0)}${value?.at(-1)}`).to.equal('""');
  });

  it('keeps the key that the client sends, however it writes the name', () => {
    const exchange = callWith(['Host', 'a', 'idempotency-KEY', 'order 7', 'Accept', '*/*']);
    expect(keyOf(keysFor(), exchange)).to.deep.equal(['idempotency-KEY', 'order 7']);
    const other = callWith(['x-request-key', 'order 7', 'Idempotency-Key', 'x']);
    expect(keyOf(keysFor({ header: 'X-Request-Key' }), other)).to.deep.equal(['x-request-key', 'order 7']);
  });

  it('takes none of two, since nobody knows which one the target takes', () => {
    const exchange = callWith(['Idempotency-Key', 'a', 'idempotency-key', 'b']);
    expect(keyOf(keysFor(), exchange)).to.equal(undefined);
    expect(exchange.idempotencyKey).to.equal(undefined);
  });

  it('takes the place of an empty one', () => {
    expect(keyOf(keysFor(), callWith(['Idempotency-Key', '']))?.[1]).to.match(UUID);
  });

  it('gives a detached call its own, not that of the client it comes from', () => {
    expect(keyOf(keysFor(), callWith(['Idempotency-Key', 'a'], true))?.[1]).to.match(UUID);
  });
});
