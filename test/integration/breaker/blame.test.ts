import { PassThrough } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { type Exchange, exchangeOf } from '../../../lib/core/exchange.js';
import { type ApiOptions, resilientProxy } from '../../../lib/index.js';
import { bigBody } from '../../support/bytes.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, headOf, type OpenCall, open } from '../../support/client.js';
import { handshake } from '../../support/echo.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { hasProxy, isTls, startTarget, unreachable, WAYS, type Way } from '../../support/phase-scene.js';
import { type RawClient, rawClient } from '../../support/raw-client.js';
import { rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { credentials } from '../../support/tls.js';
import { standstill, until, within } from '../../support/until.js';
import { hangUp, silence, status, type Upstream, type UpstreamResponse } from '../../support/upstream.js';
import { viewOf } from '../stats/testing.js';

const SHORT = 150;
/** None of the limits of the other phases may be what ends an attempt. */
const LONG = { queueTimeoutMs: 15_000, connectTimeoutMs: 15_000, bodyTimeoutMs: 15_000 };

/** What its client got, who is to blame, and what circuit and statistics made of it. */
type Outcome = readonly [client: string, by: string, circuit: string, statistics: string];

/** A running proxy with one API. */
interface Scene {
  readonly url: string;
  readonly port: number;
  readonly upstream: Upstream | undefined;
}

interface Row {
  readonly what: string;
  /** The target; without one it is in the options. */
  readonly target?: UpstreamResponse;
  readonly readBody?: boolean;
  options?(way: Way): Partial<ApiOptions> | Promise<Partial<ApiOptions>>;
  /** The call to be looked at. */
  client?: ((scene: Scene) => Promise<string>) | undefined;
  readonly expected: Outcome;
  /** Where an egress proxy stands between; `undefined` is the same. */
  readonly byProxy?: Outcome;
  /** The ways by which it can happen; all by default. */
  readonly ways?: readonly Way[];
  /** The transports that know the option; all by default. */
  readonly transports?: readonly ApiOptions['transport'][];
}

const DIRECT: readonly Way[] = ['plain', 'TLS'];

const half: UpstreamResponse = (_req, res) => void res.writeHead(200).write('half');

const cutInBody: UpstreamResponse = (_req, res) => {
  res.writeHead(200, { 'content-length': 100 });
  res.write('half', () => res.destroy());
};

const quietStream: UpstreamResponse = (_req, res) =>
  void res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');

/** Sends without end, until nothing is taken any more; then it gives its client up. */
const impatient: UpstreamResponse = (_req, res) => {
  const chunk = Buffer.alloc(64 * 1024);
  let gone = 0;
  const more = (): void => {
    while (!res.destroyed && res.write(chunk)) gone += chunk.length;
  };
  res.on('drain', more);
  more();
  void standstill(() => gone, 1000).then(() => {
    if (res.socket instanceof TLSSocket) res.destroy();
    else res.socket?.resetAndDestroy();
  });
};

/** A body that begins and stops. */
function stalled(): PassThrough {
  const body = new PassThrough();
  body.write('abc');
  return body;
}

/** The status, with the code of an error of ours. */
async function read({ res }: OpenCall): Promise<string> {
  let body = '';
  res.on('data', (chunk: Buffer) => {
    if (body.length < 1000) body += chunk;
  });
  res.on('error', () => {});
  const closed = new Promise((resolve) => (res.closed ? resolve(0) : res.once('close', resolve)));
  await within(closed, 'the end of the response', 15_000);
  return shown(String(res.statusCode), body, res.complete);
}

function shown(status: string, body: string, complete = true): string {
  const code = /"code":"(\w+)"/.exec(body)?.[1];
  return [status, ...(code ? [code] : []), ...(complete ? [] : ['cut'])].join(' ');
}

const get = async ({ url }: Scene): Promise<string> => read(await open(url));

/** It leaves once its request has arrived. */
async function leaves({ url, upstream }: Scene): Promise<string> {
  const req = begin(url);
  await until(() => upstream?.requests.length === 1);
  req.destroy();
  return 'left';
}

const HTTP: readonly Row[] = [
  {
    what: 'queue: no connection is free',
    target: half,
    options: () => ({ connections: 1, queueTimeoutMs: SHORT }),
    client: async (scene) => {
      await open(scene.url);
      return get(scene);
    },
    expected: ['503 ERR_NO_CONNECTION', 'self', 'not counted: self', 'failure by self'],
  },
  {
    what: 'upload: the client stops sending',
    target: status(200),
    options: () => ({ bodyTimeoutMs: SHORT }),
    client: async ({ url }) => read(await headOf(begin(url, { method: 'POST', body: stalled() }))),
    expected: ['408 ERR_REQUEST_TIMEOUT', 'client', 'not counted: client', 'success'],
  },
  {
    what: 'upload: the target does not take it',
    target: silence,
    readBody: false,
    options: () => ({ requestTimeoutMs: SHORT }),
    client: async ({ url }) =>
      read(await headOf(begin(url, { method: 'POST', body: bigBody(64 * 1024 * 1024) }))),
    expected: ['504 ERR_UPSTREAM_TIMEOUT', 'target', 'a failure', 'failure by target'],
  },
  {
    what: 'head: the waits of the call have left too little time',
    target: silence,
    options: () => ({
      retry: { maxAttempts: 1, totalTimeoutMs: 1000 },
      stages: [{ before: 'breaker', handler: (_req, _res, next) => void setTimeout(next, 300) }],
    }),
    expected: ['504 ERR_UPSTREAM_TIMEOUT', 'self', 'not counted: self', 'failure by self'],
  },
  {
    what: 'body: a quiet stream is ended by streamIdleTimeoutMs',
    target: quietStream,
    options: () => ({ streamIdleTimeoutMs: SHORT }),
    expected: ['200 cut', 'nobody', '-', 'left'],
  },
  {
    what: 'body: the client does not read, and the target gives it up',
    target: impatient,
    client: async ({ url }) => {
      const call = await open(url);
      await until(() => call.res.readableLength > 0);
      // Longer than the target's patience.
      await new Promise((resolve) => setTimeout(resolve, 2500));
      return read(call);
    },
    expected: ['200 cut', 'client', 'not counted: client', 'left'],
  },
  {
    what: 'body: the client leaves',
    target: half,
    client: async ({ url }) => {
      (await open(url)).req.destroy();
      return 'left';
    },
    expected: ['left', 'nobody', '-', 'left'],
  },
];

/** What happens to handshakes as well. */
const BOTH: readonly Row[] = [
  {
    what: 'connect: refused',
    options: async (way) => ({
      // The servers of other rows, which run at the same time, listen at 127.0.0.1.
      target: `${isTls(way) ? 'https' : 'http'}://127.0.0.9:${await unusedPort()}`,
    }),
    expected: ['502 ERR_UPSTREAM_CONNECT', 'target', 'a failure', 'failure by target'],
    byProxy: ['503 ERR_NO_PROXY', 'egress', 'not counted: egress', 'failure by egress'],
  },
  {
    what: 'connect: no connection in time',
    options: async (way) => {
      const { target, proxyUrl } = await unreachable(way);
      const proxyRotate = proxyUrl && { proxies: [proxyUrl], connectTimeoutMs: SHORT };
      return { target, connectTimeoutMs: SHORT, ...(proxyRotate && { proxyRotate }) };
    },
    expected: ['504 ERR_UPSTREAM_TIMEOUT', 'target', 'a failure', 'failure by target'],
    byProxy: ['503 ERR_NO_PROXY', 'egress', 'not counted: egress', 'failure by egress'],
  },
  {
    what: 'connect: this machine has no such address',
    target: status(200),
    options: () => ({ localAddress: '203.0.113.7' }),
    expected: ['502 ERR_UPSTREAM_CONNECT', 'self', 'not counted: self', 'failure by self'],
    ways: DIRECT,
    transports: ['node', undefined],
  },
  {
    what: 'connect: the certificate is not trusted',
    target: status(200),
    options: () => ({ ca: credentials('DNS:other').ca }),
    expected: ['502 ERR_UPSTREAM_TLS', 'target', 'a failure', 'failure by target'],
    ways: ['TLS', 'TLS through a proxy'],
  },
  {
    what: 'head: the target does not respond in time',
    target: silence,
    options: () => ({ requestTimeoutMs: SHORT }),
    expected: ['504 ERR_UPSTREAM_TIMEOUT', 'target', 'a failure', 'failure by target'],
  },
  {
    what: 'head: the target closes the connection',
    target: hangUp,
    expected: ['502 ERR_UPSTREAM_RESET', 'target', 'a failure', 'failure by target'],
  },
  {
    what: 'head: it is unreadable',
    options: async () => ({ target: (await startRawUpstream(rawResponse('nonsense\r\n\r\n'))).url }),
    expected: ['502 ERR_UPSTREAM_PROTOCOL', 'target', 'a failure', 'failure by target'],
    ways: ['plain', 'a proxy'],
  },
  {
    what: 'head: the client leaves',
    target: silence,
    client: leaves,
    expected: ['left', 'nobody', 'not counted: client', 'aborted'],
  },
  {
    what: 'head: status 500',
    target: status(500),
    expected: ['500', 'nobody', 'a failure', 'failure by target'],
  },
  {
    what: 'head: status 501',
    target: status(501),
    expected: ['501', 'nobody', '-', 'failure by target'],
  },
  {
    what: 'body: the target pauses',
    target: half,
    options: () => ({ bodyTimeoutMs: SHORT }),
    expected: ['200 cut', 'target', 'a failure', 'failure by target'],
  },
  {
    what: 'body: the target closes the connection',
    target: cutInBody,
    expected: ['200 cut', 'target', 'a failure', 'failure by target'],
  },
];

/** What a handshake gets. */
async function dial({ port }: Scene): Promise<string> {
  const client = await shake(port);
  const text = await client.untilClosed();
  const [, code = '', length] =
    /^HTTP\/1\.1 (\d+).*?(?:content-length: (\d+)\r\n.*)?\r\n\r\n/is.exec(text) ?? [];
  const body = text.slice(text.indexOf('\r\n\r\n') + 4);
  const complete = length === undefined ? body.endsWith('0\r\n\r\n') : body.length === Number(length);
  return shown(code, body, complete);
}

async function shake(port: number): Promise<RawClient> {
  const client = await rawClient(port);
  client.send(handshake());
  return client;
}

const WEBSOCKET: readonly Row[] = BOTH.map((row) => ({
  ...row,
  client:
    row.client &&
    (async ({ port, upstream }) => {
      const client = await shake(port);
      await until(() => upstream?.requests.length === 1);
      client.destroy();
      return 'left';
    }),
}));

async function outcomeOf(row: Row, way: Way, transport: ApiOptions['transport']): Promise<Outcome> {
  const { target, readBody, options, client } = row;
  const upstream = target && (await startTarget(way, target, { readBody }));
  const exchanges: Exchange[] = [];
  const { stages = [], ...own } = (await options?.(way)) ?? {};
  const proxy = resilientProxy({
    name: 'api',
    transport,
    target: upstream?.url,
    ...LONG,
    ...(isTls(way) && { ca: credentials().ca }),
    breaker: { failureThreshold: 100, requestTimeoutMs: 15_000 },
    retry: false,
    ...(hasProxy(way) && { proxyRotate: { proxies: [(await startForwardProxy()).url] } }),
    stages: [
      {
        after: 'validateBody',
        handler: (req, res, next) => {
          exchanges.push(exchangeOf(req, res));
          next();
        },
      },
      ...stages,
    ],
    ...own,
  });
  onCleanup(() => proxy.close());
  const { url, port } = await serve(proxy, { upgrade: proxy.upgrade });
  const got = await (client ?? (transport ? get : dial))({ url, port, upstream });
  const { figures } = await viewOf(proxy.stats, 1, 'api');
  const end = exchanges.at(-1)?.attempts.at(-1)?.end;
  const by = end?.kind === 'failure' ? end.by : 'nobody';
  const [circuit] = proxy.circuits.list();
  const spared = Object.entries(circuit?.notCounted ?? {}).flatMap(([who, times]) =>
    times > 0 ? [who] : [],
  );
  const counted = circuit?.failures === 1 ? 'a failure' : '-';
  const [failedBy] = Object.keys(figures.failedBy);
  const other = figures.aborted > 0 ? 'aborted' : 'left';
  const counts = figures.success > 0 ? 'success' : other;
  return [
    got,
    by,
    spared.length > 0 ? `not counted: ${spared.join(', ')}` : counted,
    failedBy === undefined ? counts : `failure by ${failedBy}`,
  ];
}

/** All rows at once, since most of their time is waiting: each has a proxy and a target of its own. */
async function check(rows: readonly Row[], way: Way, transport?: ApiOptions['transport']): Promise<void> {
  const possible = rows.filter(
    ({ ways = WAYS, transports = [transport] }) => ways.includes(way) && transports.includes(transport),
  );
  const outcomes = await Promise.all(
    possible.map(async (row) => [row.what, await outcomeOf(row, way, transport)] as const),
  );
  const expected = possible.map(({ what, expected, byProxy }) => [
    what,
    hasProxy(way) ? (byProxy ?? expected) : expected,
  ]);
  expect(Object.fromEntries(outcomes)).to.deep.equal(Object.fromEntries(expected));
}

describe('whose doing it is, and what opens a circuit', () => {
  for (const way of WAYS) {
    for (const transport of TRANSPORTS)
      it(`${transport}, ${way}`, () => check([...HTTP, ...BOTH], way, transport));
    it(`WebSocket, ${way}`, () => check(WEBSOCKET, way));
  }
});
