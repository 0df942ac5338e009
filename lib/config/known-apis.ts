import { isDeepStrictEqual } from 'node:util';
import type { Lookup, Visited } from './environment.js';
import type { ReadApi } from './tls-files.js';

/** What a load has made of one API. */
export interface KnownApi {
  /** As it was parsed: the same text is the same object. */
  readonly raw: unknown;
  /** After its references were substituted. */
  readonly visited: Visited;
  /** What its references stood for. */
  readonly lookups: readonly Lookup[];
  readonly api: ReadApi;
}

/** What the APIs of a load were checked with. */
export interface KnownContext {
  readonly root: string;
  readonly folder: string;
  readonly defaults: object;
  readonly redis: boolean;
}

/** The APIs of the last load. */
export class KnownApis {
  readonly #apis: ReadonlyMap<string, KnownApi>;
  readonly #context: KnownContext | undefined;

  constructor(apis: ReadonlyMap<string, KnownApi> = new Map(), context?: KnownContext) {
    this.#apis = apis;
    this.#context = context;
  }

  /** The API of this name, if its text has not changed. */
  sameText(name: string, raw: unknown): KnownApi | undefined {
    const known = this.#apis.get(name);
    return known && known.raw === raw && typeof raw === 'object' ? known : undefined;
  }

  /** Whether what an API is checked with has not changed. */
  sameContext(context: KnownContext): boolean {
    return this.#context !== undefined && isDeepStrictEqual(this.#context, context);
  }
}
