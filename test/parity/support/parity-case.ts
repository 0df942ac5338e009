import type { Handler } from '../../../lib/core/exchange.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import type { RawClient } from '../../support/raw-client.js';
import type { Deviation } from './deviation.js';
import type { Observation } from './observation.js';
import type { Script } from './scripted-upstream.js';
import type { TopicName } from './topics.js';
import type { Subject, World } from './world.js';

/** One call, or a few, made through plain http-proxy-middleware and through `forward()` on each transport. */
export interface ParityCase {
  /** Row of the page that it belongs to. */
  readonly topic: TopicName;
  readonly name: string;
  readonly options: (world: World) => ForwardOptions;
  /** By name; `main` always exists, and responds with 200 by default. */
  readonly upstreams?: Readonly<Record<string, Script>>;
  /** Requests of the client, each sent after the response to the one before. */
  readonly send?: string | readonly string[];
  /** What the client does instead. */
  readonly act?: (client: RawClient, world: World) => unknown;
  /** Middlewares in front. */
  readonly stages?: (world: World) => Handler[];
  /** What the handler is served by. */
  readonly host?: 'express';
  /** Upgrades go to the handler too. */
  readonly upgrades?: boolean;
  /** What must have happened beside the responses. */
  readonly waitsFor?: ((world: World) => boolean) | undefined;
  /** Subjects that send no response: the test does not wait long for them. */
  readonly hangs?: readonly Subject[];
  /**
   * What plain http-proxy-middleware's transcript must show, so that two subjects that did nothing do not count as
   * equal.
   */
  readonly shows: RegExp | readonly RegExp[];
  /**
   * How `forward()` differs in this case, beyond the differences of every call. `plugin` holds for
   * `createProxyMiddleware()` with `resiliencePlugin()`, in place of the others. Without it, that subject is not run
   * if a difference holds for `forward()` only.
   */
  readonly differs?: Partial<Record<'both' | 'node' | 'undici' | 'plugin', readonly Deviation[]>>;
  /** The option for which the undici transport refuses the case; default: that of the topic. */
  readonly refusedFor?: string | null;
  /** The transport depends on the call: runs transport `'auto'` in place of undici. */
  readonly perCall?: boolean;
  /** Parts that depend on timing, and are not compared. */
  readonly free?: { readonly why: string; readonly leaveOut: (seen: Observation) => void };
  /** A hook sends the response: it has none of the upstream's headers. */
  readonly answeredByHook?: boolean;
  /** A hook makes it from the upstream's response, and only Node's server decides about the connection. */
  readonly rewrittenByHook?: boolean;
  /** The letter case of header names is compared. */
  readonly exactNames?: boolean;
}
