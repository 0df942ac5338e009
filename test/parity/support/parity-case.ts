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
  /** By name; `main` is there in any case, and answers 200. */
  readonly upstreams?: Readonly<Record<string, Script>>;
  /** Requests of the client, each sent when the one before it was answered. */
  readonly send?: string | readonly string[];
  /** What the client does in place of that. */
  readonly act?: (client: RawClient, world: World) => unknown;
  /** What stands in front. */
  readonly stages?: (world: World) => Handler[];
  /** What serves it. */
  readonly host?: 'express';
  /** Upgrades go to the handler too. */
  readonly upgrades?: boolean;
  /** What must have happened beside the answers. */
  readonly waitsFor?: (world: World) => boolean;
  /** Subjects that give no answer: nobody waits long for them. */
  readonly hangs?: readonly Subject[];
  /** What plain http-proxy-middleware's transcript must show, so that two that did nothing are not alike. */
  readonly shows: RegExp | readonly RegExp[];
  /**
   * Where `forward()` differs from it, beyond what it does for every call. What is said of `plugin` holds for
   * `createProxyMiddleware()` with `resiliencePlugin()` in place of the others; where nothing is, and a difference
   * is one of `forward()` alone, it is not run.
   */
  readonly differs?: Partial<Record<'both' | 'node' | 'undici' | 'plugin', readonly Deviation[]>>;
  /** The option for which the undici transport refuses the case; default: as the topic says. */
  readonly refusedFor?: string | null;
  /** What carries a call is known with the call alone: transport `'auto'` is run in place of undici. */
  readonly perCall?: boolean;
  /** What chance decides, and is left out of the comparison. */
  readonly free?: { readonly why: string; readonly leaveOut: (seen: Observation) => void };
  /** A hook makes the answer, so that none of the upstream's fields are in it. */
  readonly answeredByHook?: boolean;
  /** A hook makes it of the upstream's, and Node's server alone says what becomes of the connection. */
  readonly rewrittenByHook?: boolean;
  /** The letter case of field names counts. */
  readonly exactNames?: boolean;
}
