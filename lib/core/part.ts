import type { Cluster, Redis } from 'ioredis';
import type * as z from 'zod';
import type { Machine } from './machine.js';
import type { Family } from './metric-family.js';

/** The options of an API's `forward()`, as far as other parts depend on them. */
export interface ForwardFacts {
  readonly target?: unknown;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly auth?: unknown;
  readonly forwardHeaders?: boolean | readonly string[] | undefined;
  readonly forwardCookies?: boolean | undefined;
  readonly changeOrigin?: boolean | undefined;
  readonly xfwd?: boolean | 'append' | 'replace' | undefined;
  readonly autoRewrite?: boolean | undefined;
  readonly router?: unknown;
  readonly pathRewrite?: unknown;
  readonly forward?: unknown;
  readonly agent?: unknown;
  readonly connections?: number | undefined;
}

/** The connection to Redis that all APIs share. */
export interface SharedConnection {
  readonly client: Redis | Cluster;
  /** Begin of all keys and channels. */
  readonly prefix: string;
  readonly commandTimeoutMs: number | undefined;
  readonly onStoreLoss: 'local' | 'divided' | 'reject';
}

/** The API that a part is made for. */
export interface PartSite {
  readonly name: string;
  readonly forward: ForwardFacts;
  /** All other options on which the API's responses depend, to be compared. */
  readonly responses: unknown;
  /** Stages, listeners or plugins of the user may read requests and write responses. */
  readonly foreign: boolean;
  /** The options by which egress proxies are chosen, to be compared; `false` where there are none. */
  readonly egress: unknown;
  /** No attempt may go directly unless the rotation of egress proxies says so. */
  readonly egressOnly: boolean;
  /** The connection that all APIs share; `undefined` where each process is on its own. */
  readonly redis: SharedConnection | undefined;
  /** The other processes of the gateway; `undefined` where there are none. */
  readonly machine?: Machine | undefined;
}

/** Bounds on what the parts of all APIs hold together. */
export interface SharedLimits {
  readonly cacheBytes?: number | undefined;
}

/** What the parts of one kind share, of all APIs. */
export interface SharedState {
  /** Runs a change of parts. If it throws, the state is as it was. */
  change?<T>(run: () => T): T;
  close?(): unknown;
}

/** A part's block of options in an API, where it is one that may be turned off. */
export interface PartOptions<Options extends object> {
  /** What the block may hold in code. What the part gets from its API is not among it. */
  readonly schema: z.ZodObject;
  /** What it may hold in a configuration file, with defaults. */
  readonly file: z.ZodRawShape;
  /** Words that may stand in the place of a block, each with the options that it means. */
  readonly words?: Readonly<Record<string, Options>>;
  /** What it is where nobody says anything: on with these options, or off. */
  readonly preset: Options | false;
  /**
   * Rules beyond the schema.
   * @param place where the block stands, as `apis.github.cache`
   * @param api the API's own options, how a place among them is written, and whether Redis is configured
   * @throws InvalidOptionError
   */
  check?(
    options: Options,
    place: string,
    api: { readonly forward: ForwardFacts; readonly redis: boolean; at(name: string): string },
  ): void;
}

/**
 * A part of an API, described where it is at home: its options, what it is made from, how it is made and closed, and
 * what it shows. All else reads the one list of these.
 */
export interface Part<
  Name extends string = string,
  Options extends object = object,
  Handler extends object = object,
  Shared extends SharedState | undefined = SharedState | undefined,
> {
  /** Of its block of options, its handler, its stage, and in the report of an update. */
  readonly name: Name;
  /** `undefined` where the API's own options are the part's. */
  readonly options?: PartOptions<Options>;
  /** What it depends on besides its options: where that changes, or the options do, an update makes it anew. */
  madeFrom?(site: PartSite, options: Options): unknown;
  /** Makes what all parts of this kind share, once. @param options those of every API at the start */
  share?(
    redis: PartSite['redis'],
    options: readonly Options[],
    limits: SharedLimits,
    machine?: Machine,
  ): Shared;
  /** Makes it for one API. It may throw: then nothing of the update takes place. */
  make(options: Options, site: PartSite, shared: Shared): Handler;
  /**
   * Takes it out of what is listed while its last calls go on, so that another may come in its place.
   * @param api name of its API
   */
  unlist?(api: string, shared: Shared): void;
  /** Forgets what it has learned; `undefined` where it learns nothing, or what it learns is known elsewhere. */
  reset?(handler: Handler): unknown;
  /** Closes it, when nobody uses it any more; by its own `close()` unless this says otherwise. */
  close?(handler: Handler): unknown;
  /** What the gateway shows of it, as a list with one entry for each API. */
  readonly status?: PartStatus<Handler>;
  /** Metrics that are read from all of them at each scrape. */
  families?(list: () => Iterable<readonly [api: string, handler: Handler]>): Family[];
}

/** A route of the gateway that shows the state of a part. */
export interface PartStatus<Handler extends object> {
  /** As `/cache-status`. */
  readonly route: string;
  /** Name of the list in the response. */
  readonly list: string;
  /** An entry, to which the name of the API is added. */
  read(handler: Handler): object;
}
