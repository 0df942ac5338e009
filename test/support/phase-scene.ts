import { type Exchange, exchangeOf, type Handler, knownExchange } from '../../lib/core/exchange.js';
import { pipeline } from '../../lib/core/pipeline.js';
import type { ForwardOptions } from '../../lib/upstream/options/forward-options.js';
import { startForwardProxy } from './forward-proxy.js';
import { openForward } from './forwarding.js';
import { fullBacklog } from './full-backlog.js';
import { startRawUpstream } from './raw-upstream.js';
import { rotating } from './rotating.js';
import { type Served, serve } from './serve.js';
import { credentials } from './tls.js';
import { startUpstream, type Upstream, type UpstreamOptions, type UpstreamResponse } from './upstream.js';

/** How an attempt gets to its target. */
export const WAYS = ['plain', 'TLS', 'a proxy', 'TLS through a proxy'] as const;
export type Way = (typeof WAYS)[number];

/** Whether the target is https. */
export const isTls = (way: Way): boolean => way.startsWith('TLS');
/** Whether an egress proxy stands between. */
export const hasProxy = (way: Way): boolean => way.endsWith('a proxy');

/** A `forward()` that goes to its target by one way, and what became of its attempts. */
export interface PhaseScene extends Served {
  readonly exchanges: readonly Exchange[];
  /** How the last attempt of the last call ended: its code and who is to blame, or the kind of its end. */
  ending(): string;
}

/** What may differ between two scenes of one way. */
export interface SceneOptions {
  /** Of the egress proxy; by default one that works. */
  readonly proxyUrl?: string | undefined;
  /** Limit for a connection through the egress proxy. */
  readonly dialMs?: number;
  /** In front of `forward()`. */
  readonly stages?: readonly Handler[];
}

/** Starts a `forward()` that goes by this way. */
export async function startScene(
  way: Way,
  options: ForwardOptions,
  { proxyUrl, dialMs = 15_000, stages = [] }: SceneOptions = {},
): Promise<PhaseScene> {
  const exchanges: Exchange[] = [];
  const watch: Handler = (req, res, next) => {
    exchanges.push(exchangeOf(req, res));
    next();
  };
  const proxies = hasProxy(way) ? [proxyUrl ?? (await startForwardProxy()).url] : [];
  const rotate = hasProxy(way)
    ? rotating({ proxies, connectTimeoutMs: dialMs, connections: options.connections }).rotate
    : undefined;
  const last = openForward({ ...options, ...(isTls(way) ? { ca: credentials().ca } : {}) });
  const handler = pipeline([watch, ...stages, ...(rotate ? [rotate] : []), last]);
  const served = await serve(handler, {
    upgrade: (req, socket, head) => {
      last.upgrade(req, socket, head, rotate?.policy());
      const exchange = knownExchange(req);
      if (exchange) exchanges.push(exchange);
    },
  });
  const ending = (): string => {
    const end = exchanges.at(-1)?.attempts.at(-1)?.end;
    return end?.kind === 'failure' ? `${end.error.code} by ${end.by}` : String(end?.kind);
  };
  return Object.assign(served, { exchanges, ending });
}

/** A target for one way. */
export function startTarget(
  way: Way,
  script: UpstreamResponse | readonly UpstreamResponse[],
  options: UpstreamOptions = {},
): Promise<Upstream> {
  return startUpstream(script, isTls(way) ? { ...options, tls: credentials() } : options);
}

/** A target with which no connection is ever made, by this way. */
export async function unreachable(way: Way): Promise<{ target: string; proxyUrl?: string }> {
  const scheme = isTls(way) ? 'https' : 'http';
  if (way === 'plain') return { target: `http://127.0.0.1:${await fullBacklog()}` };
  const mute = await startRawUpstream(() => {});
  return hasProxy(way)
    ? { target: `${scheme}://127.0.0.1:9`, proxyUrl: mute.url }
    : { target: `https://127.0.0.1:${mute.port}` };
}
