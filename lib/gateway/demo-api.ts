import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A small API that fails, waits or limits on request: retries, limits and circuits without the internet. */
export interface DemoApi {
  readonly url: string;
  close(): Promise<void>;
}

/** One request to the demo API. */
interface DemoCall {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly path: string;
  /** A number from the query string, from 0 to a limit. */
  number(name: string, fallback: number, limit: number): number;
  text(name: string): string;
}

type Route = (call: DemoCall) => void;

const MAX_WAIT_MS = 60_000;
const MAX_KEYS = 1000;

/** Address that the demo API listens on. */
export const DEMO_HOST = '127.0.0.1';

/** Starts the demo API on a port of {@link DEMO_HOST}; 0 takes a free one. */
export async function startDemoApi(port = 0): Promise<DemoApi> {
  const routes = demoRoutes();
  const server = createServer((req, res) => {
    const { pathname, searchParams } = new URL(req.url?.replace(/^\/+/, '/') ?? '/', 'http://demo');
    const [, name = ''] = pathname.split('/');
    const route = routes.get(name) ?? notFound;
    // `fetch()` keeps a connection busy until its request body has been read.
    if (name !== 'echo') req.resume();
    route({
      req,
      res,
      path: pathname,
      text: (key) => searchParams.get(key) ?? '',
      number: (key, fallback, limit) => {
        const value = Number(searchParams.get(key) || fallback);
        return Number.isFinite(value) ? Math.min(limit, Math.max(0, value)) : fallback;
      },
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, DEMO_HOST, resolve);
  });
  // A server that listens on a TCP port has an address of this type.
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${DEMO_HOST}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function demoRoutes(): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ['json', ({ res }) => response(res, 200, { hello: 'world', time: new Date().toISOString() })],
    ['flaky', flaky()],
    ['slow', slow],
    ['status', status],
    ['quota', quota()],
    ['echo', echo],
    ['sse', events],
  ]);
}

const notFound: Route = ({ res }) =>
  response(res, 404, {
    error: 'no such route',
    routes: [
      '/json',
      '/flaky?rate=0.5',
      '/flaky?fails=2&key=a',
      '/slow?ms=1000',
      '/status/503',
      '/quota?limit=5&window=10',
      '/echo',
      '/sse?n=5&ms=1000',
    ],
  });

/** Responds with 503 to a share of the requests, or to the first `fails` of each `key`. */
function flaky(): Route {
  const failed = new Map<string, number>();
  return ({ res, number, text }) => {
    const fails = number('fails', 0, MAX_KEYS);
    if (fails === 0) {
      const works = Math.random() >= number('rate', 0.5, 1);
      return response(res, works ? 200 : 503, { works });
    }
    const before = failed.get(text('key')) ?? 0;
    if (before >= fails) return response(res, 200, { works: true, failedBefore: before });
    if (failed.size >= MAX_KEYS) failed.clear();
    failed.set(text('key'), before + 1);
    response(res, 503, { works: false, failure: before + 1 });
  };
}

const slow: Route = ({ res, number }) => {
  const ms = number('ms', 1000, MAX_WAIT_MS);
  const timer = setTimeout(() => response(res, 200, { waitedMs: ms }), ms);
  res.once('close', () => clearTimeout(timer));
};

const status: Route = ({ res, path }) => {
  const code = Number(path.split('/')[2]);
  if (!Number.isInteger(code) || code < 200 || code > 599) {
    return response(res, 400, { error: 'a status from 200 to 599, as /status/503' });
  }
  if (code === 204 || code === 205 || code === 304) {
    res.writeHead(code).end();
    return;
  }
  response(res, code, { status: code });
};

/** Allows `limit` requests in each window of so many seconds, and advertises how many are left. */
function quota(): Route {
  let used = 0;
  let endsAt = 0;
  return ({ res, number }) => {
    const limit = number('limit', 5, 1_000_000);
    const now = performance.now();
    if (now >= endsAt) {
      used = 0;
      endsAt = now + number('window', 10, 3600) * 1000;
    }
    used++;
    const reset = Math.max(1, Math.ceil((endsAt - now) / 1000));
    const headers = {
      'RateLimit-Limit': String(limit),
      'RateLimit-Remaining': String(Math.max(0, limit - used)),
      'RateLimit-Reset': String(reset),
    };
    if (used <= limit) return response(res, 200, { used, limit }, headers);
    response(res, 429, { error: 'quota exhausted' }, { ...headers, 'Retry-After': String(reset) });
  };
}

const MAX_ECHO_BYTES = 1024 * 1024;

const echo: Route = ({ req, res }) => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_ECHO_BYTES) chunks.push(chunk);
  });
  req.on('end', () => {
    const { method, url, headers } = req;
    response(res, 200, { method, url, headers, bytes, body: Buffer.concat(chunks).toString('utf8') });
  });
};

const events: Route = ({ res, number }) => {
  const last = number('n', 5, 100_000);
  const ms = Math.max(1, number('ms', 1000, MAX_WAIT_MS));
  let n = 0;
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  res.flushHeaders();
  const timer = setInterval(() => {
    n++;
    res.write(`id: ${n}\ndata: {"n":${n}}\n\n`);
    if (n < last) return;
    clearInterval(timer);
    res.end();
  }, ms);
  res.once('close', () => clearInterval(timer));
};

function response(
  res: ServerResponse,
  code: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  const body = `${JSON.stringify(value)}\n`;
  res.writeHead(code, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  res.end(body);
}
