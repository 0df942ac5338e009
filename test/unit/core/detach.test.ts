import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { type DetachedRequest, detach } from '../../../lib/core/detach.js';
import { Exchange, type Handler, knownExchange } from '../../../lib/core/exchange.js';
import { eventOf } from '../../support/until.js';

function parent(): Exchange {
  const req = new IncomingMessage(new Socket());
  req.method = 'GET';
  req.url = '/orders?page=2';
  req.rawHeaders = ['Host', 'api.test', 'Accept', 'a', 'accept', 'b', 'no value'];
  const exchange = new Exchange(req, new ServerResponse(req));
  exchange.api = 'orders';
  exchange.rest = (() => {}) as Handler;
  return exchange;
}

const bodyOf = async (req: IncomingMessage): Promise<string> => {
  let body = '';
  for await (const chunk of req) body += String(chunk);
  return body;
};

describe('detach()', () => {
  it('makes a call that asks for the same', async () => {
    const from = parent();
    const exchange = detach(from);
    const { req } = exchange;
    expect(exchange).to.include({ api: 'orders', rest: from.rest, detached: true, abandoned: false });
    expect(knownExchange(req)).to.equal(exchange);
    expect(req).not.to.equal(from.req);
    expect(req).to.include({ method: 'GET', url: '/orders?page=2', complete: true, httpVersion: '1.1' });
    expect(req).to.include({ httpVersionMajor: 1, httpVersionMinor: 1 });
    expect(req.rawHeaders).to.deep.equal(from.req.rawHeaders);
    expect(req.rawHeaders).not.to.equal(from.req.rawHeaders);
    expect(req.headers).to.deep.equal({ host: 'api.test', accept: 'a, b' });
    expect(await bodyOf(req)).to.equal('');
  });

  it('joins the lines of a cookie as one', () => {
    const { req } = detach(parent(), { rawHeaders: ['cookie', 'a=1', 'cookie', 'b=2'] });
    expect(req.headers.cookie).to.equal('a=1; b=2');
  });

  it('has what a framework and middlewares have made of the request, and nothing that works on its client', () => {
    const from = parent();
    const own = { baseUrl: '/ann', user: { id: 1 } };
    const ofTheClient = { res: {}, next() {}, body: 'b', on: () => 'theirs', headers: { a: 'b' } };
    for (const [name, value] of Object.entries({ ...own, ...ofTheClient }))
      Object.defineProperty(from.req, name, { value });
    Object.defineProperty(from.req, 'session', { get: () => 'lazy', enumerable: true });
    Object.setPrototypeOf(from.req, Object.create(IncomingMessage.prototype, { ip: { value: '::1' } }));
    const { req } = detach(from);
    expect(req).to.include({ ...own, session: 'lazy', ip: '::1' });
    expect(req).not.to.have.any.keys('res', 'next', 'body');
    expect(req.on).to.equal(IncomingMessage.prototype.on);
    expect(req.headers).to.include({ host: 'api.test' });
  });

  it('makes one that asks for something else', async () => {
    const other: Required<DetachedRequest> = {
      method: 'POST',
      url: '/other',
      rawHeaders: ['X-A', '1'],
      body: Buffer.from('hello'),
    };
    const { req } = detach(parent(), other);
    expect(req).to.include({ method: 'POST', url: '/other' });
    expect(req.rawHeaders).to.deep.equal(['X-A', '1']);
    expect(req.headers).to.deep.equal({ 'x-a': '1' });
    expect(await bodyOf(req)).to.equal('hello');
  });

  it('has a response that takes all that is written, and closes by itself', async () => {
    const exchange = detach(parent());
    const { res } = exchange;
    const settled = new Promise<void>((resolve) => exchange.onSettled(() => resolve()));
    const finished = eventOf(res, 'finish');
    for (let i = 0; i < 50; i++) res.write(Buffer.alloc(10_000));
    res.end('the end');
    await finished;
    await settled;
    expect(res).to.include({ writableFinished: true, closed: true });
  });
});
