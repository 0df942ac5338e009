import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { announcesBody, Exchange, exchangeOf, knownExchange } from '../../../lib/core/exchange.js';
import type { Upgrade } from '../../../lib/core/upgrade.js';

function call() {
  const req = new IncomingMessage(new Socket());
  return { req, res: new ServerResponse(req) };
}

describe('exchangeOf()', () => {
  it('begins a call, which the others find', () => {
    const { req, res } = call();
    req.url = '/orders';
    const exchange = exchangeOf(req, res);
    expect(exchange)
      .to.be.instanceOf(Exchange)
      .and.include({ req, res, originalUrl: '/orders', detached: false });
    req.url = '/rewritten';
    expect(exchangeOf(req, res)).to.equal(exchange);
    expect(knownExchange(req)).to.equal(exchange);
    expect(exchange).to.include({ originalUrl: '/orders', abandoned: false, settled: false, tunnel: false });
  });

  it('takes a request without a URL for one of "/"', () => {
    const { req, res } = call();
    Reflect.deleteProperty(req, 'url');
    expect(exchangeOf(req, res).originalUrl).to.equal('/');
  });

  it('finds a call that has ended as one that is over, and never begins another', () => {
    const { req, res } = call();
    const exchange = exchangeOf(req, res);
    res.emit('close');
    // As after a router that was waited for. The response itself says nothing: its close was only told.
    expect(res.closed).to.equal(false);
    for (let i = 0; i < 2; i++) {
      const late = exchangeOf(req, res);
      expect(late).not.to.equal(exchange);
      expect(late).to.include({ abandoned: true, settled: true });
    }
  });

  it('keeps nothing of a call that has ended on its request', () => {
    const { req, res } = call();
    const exchange = exchangeOf(req, res);
    res.emit('close');
    exchangeOf(req, res);
    expect(knownExchange(req)).to.equal(undefined);
    const kept = Object.getOwnPropertySymbols(req).map((symbol) => Reflect.get(req, symbol));
    expect(kept.some((value) => value instanceof Exchange)).to.equal(false);
    expect(exchange.settled).to.equal(true);
  });

  it('begins a call whose client has left as one that is over', () => {
    const { req, res } = call();
    res.destroy();
    const exchange = exchangeOf(req, res);
    expect(exchange).to.include({ abandoned: true, settled: true });
    const told: unknown[] = [];
    exchange.onAbandon(() => told.push('abandoned'));
    exchange.onSettled((settled) => told.push(settled));
    expect(told).to.deep.equal(['abandoned', exchange]);
    expect(exchangeOf(req, res)).to.equal(exchange);
  });
});

describe('knownExchange()', () => {
  it('never begins a call', () => {
    const { req, res } = call();
    expect(knownExchange(req)).to.equal(undefined);
    expect(
      Object.getOwnPropertySymbols(req).some((symbol) => Reflect.get(req, symbol) instanceof Exchange),
    ).to.equal(false);
    expect(res.listenerCount('close')).to.equal(0);
  });
});

describe('Exchange', () => {
  it('tells each of its listeners once when its response closes, who is late at once', () => {
    const { req, res } = call();
    const exchange = exchangeOf(req, res);
    const told: unknown[] = [];
    for (const name of ['first', 'second']) {
      exchange.onAbandon(() => told.push(`${name} abandoned`));
      exchange.onSettled((settled) => told.push(`${name} settled`, settled === exchange));
    }
    expect(told).to.deep.equal([]);
    res.emit('close');
    res.emit('close');
    expect(told).to.deep.equal([
      'first abandoned',
      'second abandoned',
      'first settled',
      true,
      'second settled',
      true,
    ]);
    exchange.onAbandon(() => told.push('late abandoned'));
    exchange.onSettled(() => told.push('late settled'));
    expect(told.slice(6)).to.deep.equal(['late abandoned', 'late settled']);
  });

  it('goes on without its client for as long as others hold it', () => {
    const { req, res } = call();
    const exchange = exchangeOf(req, res);
    const told: string[] = [];
    exchange.onAbandon(() => told.push('abandoned'));
    exchange.onSettled(() => told.push('settled'));
    const letGo = [exchange.hold(), exchange.hold()];
    res.emit('close');
    expect(told).to.deep.equal(['settled']);
    expect(exchange).to.include({ abandoned: false, settled: true });
    letGo[0]?.();
    letGo[0]?.();
    expect(exchange.abandoned).to.equal(false);
    exchange.onAbandon(() => told.push('second abandoned'));
    letGo[1]?.();
    expect(told).to.deep.equal(['settled', 'abandoned', 'second abandoned']);
    expect(exchange.abandoned).to.equal(true);
  });

  it('goes on when those who held it let go while its client waits', () => {
    const { req, res } = call();
    const exchange = exchangeOf(req, res);
    const told: string[] = [];
    exchange.onAbandon(() => told.push('abandoned'));
    exchange.hold()();
    expect(told).to.deep.equal([]);
    expect(exchange.abandoned).to.equal(false);
    res.emit('close');
    expect(told).to.deep.equal(['abandoned']);
  });

  it('is a tunnel where its client asks for a WebSocket', () => {
    const { req, res } = call();
    const exchange = new Exchange(req, res);
    exchange.upgrade = {} as Upgrade;
    expect(exchange.tunnel).to.equal(true);
  });
});

describe('announcesBody()', () => {
  const HEADERS: [headers: Record<string, string>, announced: boolean][] = [
    [{}, false],
    [{ 'content-length': '0' }, false],
    [{ 'content-length': '1' }, true],
    [{ 'transfer-encoding': 'chunked' }, true],
    [{ 'transfer-encoding': 'chunked', 'content-length': '0' }, true],
  ];
  for (const [headers, announced] of HEADERS) {
    it(`says ${announced} for ${JSON.stringify(headers)}`, () => {
      const { req } = call();
      req.headers = headers;
      expect(announcesBody(req)).to.equal(announced);
    });
  }
});
