import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ConcurrencyHandler, concurrency } from '../../../lib/concurrency/concurrency.js';
import type { ConcurrencyOptions } from '../../../lib/concurrency/concurrency-options.js';
import type { Handler } from '../../../lib/core/exchange.js';
import { onCleanup } from '../../support/cleanup.js';
import { begin, type CallOptions, headOf, responseOf, type TargetResponse } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import type { Served } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';

/** `concurrency()`, closed after the test. @param forwards it is a part of an API */
export function opened(options: ConcurrencyOptions = {}, forwards = false): ConcurrencyHandler {
  const limiter = concurrency(options, { forwards });
  onCleanup(() => limiter.close());
  return limiter;
}

/** An upstream that responds when it is told to, each request by itself. */
export interface HeldUpstream extends Upstream {
  /** Paths of the requests that it holds, in the order in which they came. */
  readonly held: readonly string[];
  /** Most that it has held at once. */
  readonly most: number;
  /** Responds to the request with this path, or to the first one. */
  respond(path?: string, status?: number): void;
}

export async function heldUpstream(): Promise<HeldUpstream> {
  const waiting: { readonly req: IncomingMessage; readonly res: ServerResponse }[] = [];
  let most = 0;
  const upstream = await startUpstream((req, res) => {
    waiting.push({ req, res });
    most = Math.max(most, waiting.length);
    res.on('close', () => {
      const at = waiting.findIndex((one) => one.res === res);
      if (at >= 0) waiting.splice(at, 1);
    });
  });
  return {
    ...upstream,
    get held() {
      return waiting.map(({ req }) => req.url ?? '');
    },
    get most() {
      return most;
    },
    respond(path?: string, status = 200) {
      const at = path === undefined ? 0 : waiting.findIndex(({ req }) => req.url === path);
      const [one] = waiting.splice(at, 1);
      if (!one) throw new Error(`No request for ${path}`);
      one.res.writeHead(status).end('done');
    },
  };
}

/** A call that a test waits for when it wants to. */
export interface Begun {
  readonly response: Promise<TargetResponse>;
  leave(): void;
}

export function started(url: string, options?: CallOptions): Begun {
  const req = begin(url, options);
  const response = headOf(req).then(responseOf);
  response.catch(() => {});
  return { response, leave: () => void req.destroy() };
}

/** A limit in front of `forward()` and an upstream that holds what it gets. */
export interface Setup {
  readonly limiter: ConcurrencyHandler;
  readonly upstream: HeldUpstream;
  readonly proxy: Served;
  /** Waits until so many requests are with the upstream and so many calls wait here. */
  settled(inFlight: number, waiting: number): Promise<void>;
}

/** How a call goes. */
export interface Way {
  readonly transport: 'undici' | 'node';
  /** The limit is a part of an API, and takes places at attempts alone. */
  readonly forwards: boolean;
}

export const WAYS: readonly Way[] = TRANSPORTS.flatMap((transport) => [
  { transport, forwards: true },
  { transport, forwards: false },
]);

export async function limited(
  options: ConcurrencyOptions,
  { transport, forwards }: Way,
  stages: { before?: Handler[]; after?: Handler[] } = {},
): Promise<Setup> {
  const limiter = opened(options, forwards);
  const upstream = await heldUpstream();
  const { before = [], after = [] } = stages;
  const proxy = await startForward({ target: upstream.url, transport }, ...before, limiter, ...after);
  const counts = () => sums(limiter);
  return {
    limiter,
    upstream,
    proxy,
    settled: (inFlight, waiting) =>
      until(
        () =>
          upstream.held.length === inFlight && counts().inFlight === inFlight && counts().waiting === waiting,
        `${inFlight} in flight and ${waiting} waiting`,
      ),
  };
}

/** What all limits of a handler count together. */
export function sums(limiter: ConcurrencyHandler): { inFlight: number; waiting: number } {
  const limits = limiter.status();
  return {
    inFlight: limits.reduce((sum, limit) => sum + limit.inFlight, 0),
    waiting: limits.reduce((sum, limit) => sum + limit.waiting, 0),
  };
}
