import { createHook } from 'node:async_hooks';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { SingleApiConfig } from '../../../lib/apis/options.js';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { serve } from '../../support/serve.js';
import { startUpstream, text } from '../../support/upstream.js';

const REQUEST = 'GET /path HTTP/1.1\r\nHost: localhost\r\n\r\n';
const CALLS = 50;
const OURS = /\/lib\/|\/node_modules\/(http-proxy-middleware|httpxy|undici)\//;

/** Makes calls one after the other on one connection, without a promise of its own. */
function callInTurn(port: number, calls: number, done: () => void): void {
  let left = calls;
  let seen = '';
  const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST));
  socket.on('data', (chunk) => {
    seen += chunk.toString('latin1');
    if (!seen.endsWith('pong')) return;
    seen = '';
    left--;
    if (left > 0) socket.write(REQUEST);
    else socket.end(done);
  });
}

/** Promises that we, or what forwards for us, make during calls that succeed. */
async function promisesOf(config: Omit<SingleApiConfig, 'name' | 'target'>): Promise<number> {
  const upstream = await startUpstream(text('pong'));
  const proxy = resilientProxy({ ...config, name: 'api', target: upstream.url, stats: { flushMs: 60_000 } });
  onCleanup(() => proxy.close());
  const { port } = await serve(proxy);
  // The first ones open connections.
  await new Promise<void>((resolve) => callInTurn(port, 5, resolve));
  // What an earlier test has left may still end, in one round or another.
  const rounds: number[] = [];
  for (let round = 0; round < 3; round++)
    rounds.push(await promisesWhile((done) => callInTurn(port, CALLS, done)));
  return Math.min(...rounds);
}

function promisesWhile(run: (done: () => void) => void): Promise<number> {
  let made = 0;
  const hook = createHook({
    init: (_id, type) => {
      // The loader of these tests makes some of its own.
      if (type === 'PROMISE' && OURS.test(new Error().stack ?? '')) made++;
    },
  });
  return new Promise((resolve) => {
    hook.enable();
    run(() => {
      hook.disable();
      resolve(made);
    });
  });
}

describe('a call that succeeds at its first attempt', () => {
  it('makes no promise, with breaker, retry, statistics, metrics and an advertised limit on', async () => {
    expect(await promisesOf({ metrics: {}, rateLimit: {} })).to.equal(0);
  });

  it('makes some where an option asks for a promise', async () => {
    expect(await promisesOf({ pathRewrite: async (path) => path })).to.be.above(CALLS);
  });
});
