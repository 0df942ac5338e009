import { once } from 'node:events';
import { get } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import type { ConnectTo } from '../../../lib/core/egress.js';
import { DialError } from '../../../lib/proxy-rotate/dial-error.js';
import { proxyAddress } from '../../../lib/proxy-rotate/proxy-address.js';
import {
  type DialWatcher,
  ProxyAgent,
  type ProxyAgentOptions,
} from '../../../lib/proxy-rotate/proxy-agent.js';
import { onCleanup } from '../../support/cleanup.js';
import { ESTABLISHED, startConnectProxy } from '../../support/connect-proxy.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { unusedPort } from '../../support/listening.js';
import { rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

/** An agent, and what it tells its proxy. */
function agentOf(url: string, options: Partial<ProxyAgentOptions> = {}) {
  const address = proxyAddress(url);
  if (typeof address === 'string') throw new Error(address);
  const told: unknown[] = [];
  const watcher: DialWatcher & { refused?: DialError } = {
    isProven: false,
    refusal: () => watcher.refused,
    began: () => told.push('began'),
    opened: () => {},
    ended: (beganAt, { hostname, port, encrypted }, failure) =>
      told.push([beganAt, `${encrypted ? 'https' : 'http'}://${hostname}:${port}`, failure?.reason]),
  };
  const given = { connectTimeoutMs: 2000, connections: 10, ca: undefined, absoluteForm: false, ...options };
  const agent = new ProxyAgent(address, given, watcher);
  onCleanup(() => agent.destroy());
  return { agent, told, watcher };
}

const to = (port: number, encrypted = false): ConnectTo => ({
  hostname: '127.0.0.1',
  port,
  encrypted,
  servername: undefined,
  rejectUnauthorized: false,
  tls: {},
});

/** The error of a dial that fails. */
async function failureOf(dial: Promise<Socket>): Promise<DialError> {
  try {
    (await dial).destroy();
  } catch (error) {
    return error as DialError;
  }
  throw new Error('It was opened');
}

const opened = async (dial: Promise<Socket>): Promise<Socket> => {
  const socket = await dial;
  onCleanup(() => socket.destroy());
  return socket;
};

describe('ProxyAgent#open()', () => {
  it('opens a tunnel to the target, and tells how it went', async () => {
    const target = await startRawUpstream(rawResponse('hello'));
    const proxy = await startForwardProxy({ credentials: 'user:pass' });
    const { agent, told } = agentOf(proxy.url);
    const socket = await opened(agent.open(to(target.port), false));
    socket.write('anybody?\r\n\r\n');
    const [chunk] = await once(socket, 'data');
    expect(String(chunk)).to.equal('hello');
    expect(proxy.connects).to.deep.equal([
      { method: 'CONNECT', url: `127.0.0.1:${target.port}`, user: 'user' },
    ]);
    expect(told).to.deep.equal(['began', [1, `http://127.0.0.1:${target.port}`, undefined]]);
    // What happens to it afterwards is no failure of the dial.
    const closed = once(socket, 'close');
    await target.close();
    await closed;
    expect(told).to.have.length(2);
  });

  it('speaks TLS with the target inside it', async () => {
    const target = await startUpstream(text('hello'), { tls: credentials() });
    const proxy = await startForwardProxy();
    const { agent, told } = agentOf(proxy.url);
    const socket = await opened(agent.open(to(target.port, true), false));
    expect(socket).to.be.instanceOf(TLSSocket).and.include({ alpnProtocol: 'http/1.1' });
    expect(told[1]).to.deep.equal([1, `https://127.0.0.1:${target.port}`, undefined]);
  });

  it('goes through an https proxy that it trusts, in a tunnel and without one', async () => {
    const tls = credentials();
    const target = await startUpstream(text('hello'));
    const proxy = await startForwardProxy({ tls });
    const { agent } = agentOf(proxy.url, { ca: tls.ca });
    await opened(agent.open(to(target.port), false));
    expect(proxy.connects).to.have.length(1);
    const straight = await opened(agent.open(to(target.port), true));
    expect(straight).to.be.instanceOf(TLSSocket).and.include({ authorized: true });
    expect(proxy.connects).to.have.length(1);
  });

  it('opens a connection to the proxy alone for requests in absolute form', async () => {
    const proxy = await startRawUpstream(rawResponse('hello'));
    const { agent, told } = agentOf(proxy.url);
    const socket = await opened(agent.open(to(1), true));
    socket.write('GET http://a/ HTTP/1.1\r\n\r\n');
    expect(String((await once(socket, 'data'))[0])).to.equal('hello');
    expect(proxy.received[0]?.received).to.match(/^GET http:\/\/a\//);
    expect(told).to.deep.equal(['began', [1, 'http://127.0.0.1:1', undefined]]);
  });

  it('opens none while its proxy cools down', async () => {
    const proxy = await startRawUpstream(() => {});
    const { agent, told, watcher } = agentOf(proxy.url);
    watcher.refused = new DialError('it is cooling down', 'proxy');
    expect(await failureOf(agent.open(to(1), false))).to.equal(watcher.refused);
    expect(told).to.deep.equal([]);
    expect(proxy.connections.total).to.equal(0);
  });

  const raw = async (bytes: string): Promise<string> => (await startRawUpstream(rawResponse(bytes))).url;
  const FAILURES: [what: string, reason: string, concerns: string, start: () => Promise<string>][] = [
    ['refuses', 'ECONNREFUSED', 'proxy', async () => `http://127.0.0.1:${await unusedPort()}`],
    ['asks for credentials', 'status 407', 'proxy', () => raw('HTTP/1.1 407 Login\r\n\r\n')],
    ['asks for them by 401', 'status 401', 'proxy', () => raw('HTTP/1.1 401 Login\r\n\r\n')],
    ['has trouble', 'status 502', 'target', () => raw('HTTP/1.1 502 Bad\r\n\r\n')],
    [
      'sends a page',
      'a page instead of a tunnel',
      'proxy',
      () => raw('HTTP/1.1 200 OK\r\nContent-Type:  Text/HTML; charset=utf-8\r\n\r\n<html>'),
    ],
    ['is silent', 'no connection in time', 'target', async () => (await startRawUpstream(() => {})).url],
    [
      'closes',
      'the connection closed',
      'proxy',
      async () => (await startRawUpstream((connection) => connection.end())).url,
    ],
    ['says more than that', 'bytes before the request', 'proxy', () => raw(ESTABLISHED + ESTABLISHED)],
    ['is none', 'an unreadable response', 'proxy', () => raw('SSH-2.0-OpenSSH_9.6\r\n')],
    [
      'never ends its response',
      'an endless response',
      'proxy',
      async () =>
        (await startRawUpstream((connection) => connection.write(`HTTP/1.1 200 OK\r\n${'x'.repeat(80_000)}`)))
          .url,
    ],
  ];
  for (const [what, reason, concerns, start] of FAILURES) {
    it(`blames a proxy that ${what}`, async () => {
      const { agent, told } = agentOf(await start(), { connectTimeoutMs: 300 });
      const error = await failureOf(agent.open(to(80), false));
      expect(error).to.be.instanceOf(DialError).and.include({ reason, concerns, code: 'ERR_PROXY_CONNECT' });
      expect(error.message).to.equal(`The egress proxy could not be used: ${reason}`);
      expect(told).to.deep.equal(['began', [1, 'http://127.0.0.1:80', reason]]);
    });
  }

  for (const [what, bytes] of Object.entries({
    'a status of success other than 200': 'HTTP/1.1 201 Created\r\n\r\n',
    'a success without content': 'HTTP/1.0 204\r\nA: b\r\n\r\n',
    'a success whose lines end with LF alone': 'HTTP/1.1 200 OK\nA: b\n\n',
    '200 after an interim response': `HTTP/1.1 100 Continue\r\n\r\n${ESTABLISHED}`,
    '200 after many': `${'HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n'.repeat(20)}${ESTABLISHED}`,
  })) {
    for (const tls of [undefined, credentials()]) {
      it(`takes ${what} for a tunnel, from an ${tls ? 'https' : 'http'} proxy`, async () => {
        const proxy = await startConnectProxy((_open, client) => void client.write(bytes), tls);
        const { agent, told } = agentOf(proxy.url, { ca: tls?.ca });
        await opened(agent.open(to(80), false));
        expect(told).to.deep.equal(['began', [1, 'http://127.0.0.1:80', undefined]]);
      });
    }
  }

  it('bounds the response of an https proxy too', async () => {
    const tls = credentials();
    const proxy = await startConnectProxy((_open, client) => {
      client.write(`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(80_000)}`);
    }, tls);
    const error = await failureOf(agentOf(proxy.url, { ca: tls.ca }).agent.open(to(80), false));
    expect(error).to.include({ reason: 'an endless response', concerns: 'proxy' });
  });

  it('takes a response of another type for a tunnel', async () => {
    const { agent } = agentOf(await raw('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n'));
    await opened(agent.open(to(80), false));
  });

  it('closes the connection to a proxy that it blames', async () => {
    const proxy = await startRawUpstream(rawResponse('HTTP/1.1 503 Busy\r\n\r\n'));
    const { agent } = agentOf(proxy.url);
    await failureOf(agent.open(to(80), false));
    await until(() => proxy.connections.open === 0 && proxy.connections.total === 1);
  });

  it('blames a proxy for a target alone that stays silent in the tunnel, or closes it', async () => {
    const silent = agentOf(await raw(ESTABLISHED), { connectTimeoutMs: 200 });
    const late = await failureOf(silent.agent.open(to(443, true), false));
    expect(late)
      .to.be.instanceOf(DialError)
      .and.include({ reason: 'no connection in time', concerns: 'target' });
    const closing = await startRawUpstream(async (connection) => {
      await connection.heads();
      connection.write(ESTABLISHED);
      await until(() => connection.received.length > connection.received.indexOf('\r\n\r\n') + 4);
      connection.end();
    });
    const cut = await failureOf(agentOf(closing.url).agent.open(to(443, true), false));
    expect(cut)
      .to.be.instanceOf(DialError)
      .and.include({ reason: 'closed in the tunnel', concerns: 'target' });
  });

  it('keeps the error of a target that is not trusted, since the proxy may be the one that breaks TLS', async () => {
    const target = await startUpstream(text('hello'), { tls: credentials() });
    const proxy = await startForwardProxy();
    const { agent, told } = agentOf(proxy.url);
    const trusting = { ...to(target.port, true), rejectUnauthorized: true };
    const error = await failureOf(agent.open(trusting, false));
    expect(error).to.be.instanceOf(DialError).and.include({ concerns: 'target' });
    expect(error.cause).to.have.property('code', error.reason);
    expect(error.reason).to.match(/CERT|VERIFY/);
    expect(told[1]).to.deep.equal([1, `https://127.0.0.1:${target.port}`, error.reason]);
  });

  it('blames an https proxy that it does not trust', async () => {
    const proxy = await startForwardProxy({ tls: credentials() });
    for (const absoluteForm of [true, false]) {
      const error = await failureOf(agentOf(proxy.url).agent.open(to(80), absoluteForm));
      expect(error).to.be.instanceOf(DialError).and.include({ concerns: 'proxy' });
      expect(error.reason).to.match(/CERT|VERIFY/);
    }
  });
});

describe('ProxyAgent for Node’s client', () => {
  /** The body of a response, or the error of a request. */
  async function ask(agent: ProxyAgent, url: string): Promise<string> {
    const req = get(url, { agent });
    try {
      const [res] = await once(req, 'response');
      let body = '';
      for await (const chunk of res.setEncoding('utf8')) body += chunk;
      return body;
    } catch (error) {
      return error instanceof DialError ? error.reason : String(error);
    }
  }

  it('keeps a tunnel for the next request to a target', async () => {
    const target = await startUpstream(text('hello'));
    const proxy = await startForwardProxy();
    const { agent, told } = agentOf(proxy.url);
    for (let i = 0; i < 3; i++) expect(await ask(agent, target.url)).to.equal('hello');
    expect(proxy.connects).to.have.length(1);
    expect(told).to.have.length(2);
    expect(agent.options.timeout).to.equal(4000);
  });

  it('sends absolute form and credentials to a proxy where that is wanted', async () => {
    const proxy = await startRawUpstream(rawResponse('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'));
    const { agent } = agentOf(proxy.url.replace('//', '//user:pass@'), { absoluteForm: true });
    expect(await ask(agent, 'http://api.test/a?b=1')).to.equal('hi');
    expect(await ask(agent, 'http://api.test:8080/c')).to.equal('hi');
    const [first = '', second = ''] = proxy.received.map(({ received }) => received);
    expect(first)
      .to.match(/^GET http:\/\/api\.test\/a\?b=1 HTTP/)
      .and.match(/proxy-authorization: Basic dXNlcjpwYXNz/i);
    expect(second).to.match(/^GET http:\/\/api\.test:8080\/c HTTP/);
    const open = agentOf(proxy.url, { absoluteForm: true });
    await ask(open.agent, 'http://[::1]:81/');
    const third = proxy.received[2]?.received;
    expect(third)
      .to.match(/^GET http:\/\/\[::1\]:81\/ HTTP/)
      .and.not.match(/authorization/i);
  });

  it('sends neither through a tunnel', async () => {
    const proxy = await startRawUpstream(rawResponse(ESTABLISHED));
    const { agent } = agentOf(proxy.url.replace('//', '//user:pass@'));
    const req = get('http://api.test/a', { agent });
    req.on('error', () => {});
    onCleanup(() => req.destroy());
    await until(() => (proxy.received[0]?.received.split('\r\n\r\n').length ?? 0) > 2);
    const [connect, inside] = proxy.received[0]?.received.split('\r\n\r\n') ?? [];
    expect(connect)
      .to.match(/^CONNECT api\.test:80 HTTP/)
      .and.match(/proxy-authorization: Basic dXNlcjpwYXNz/i);
    expect(inside)
      .to.match(/^GET \/a HTTP/)
      .and.not.match(/authorization/i);
  });

  it('fails all requests that wait for a connection that failed', async () => {
    const { agent } = agentOf(`http://127.0.0.1:${await unusedPort()}`, { connections: 1 });
    const ends = await Promise.all(Array.from({ length: 3 }, () => ask(agent, 'http://api.test/')));
    expect(ends).to.deep.equal(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED']);
    expect(Object.keys(agent.requests)).to.deep.equal([]);
  });

  it('opens no more connections than it may', async () => {
    const held: (() => void)[] = [];
    const target = await startUpstream((_req, res) => void held.push(() => res.end('hello')));
    const proxy = await startForwardProxy();
    const { agent } = agentOf(proxy.url, { connections: 1 });
    const asked = [ask(agent, target.url), ask(agent, target.url)];
    await until(() => held.length === 1);
    held[0]?.();
    await until(() => held.length === 2);
    held[1]?.();
    expect(await Promise.all(asked)).to.deep.equal(['hello', 'hello']);
    expect(proxy.connects).to.have.length(1);
  });
});
