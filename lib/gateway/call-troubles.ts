import type { IncomingMessage } from 'node:http';
import type { UpdateReport } from '../apis/live-apis.js';
import type { ApiOptions, ManyApisConfig } from '../apis/options.js';
import { type Exchange, UNKNOWN_API } from '../core/exchange.js';
import type { ClientAddress } from '../http/client-address.js';
import type { Logger } from './logger.js';
import { type RefusedCredential, RefusedCredentials, refusedText } from './refused-credentials.js';
import { type UnknownName, UnknownNames, unknownText } from './unknown-names.js';

/** What calls tell of a configuration that does not fit. Plain data: a primary reads that of its workers. */
export interface CallTroubleList {
  readonly refused: readonly RefusedCredential[];
  readonly unknown: readonly UnknownName[];
}

/** Notices what no call fails by, and is wrong with all of them. */
export class CallTroubles {
  readonly #refused: RefusedCredentials;
  readonly #unknown: UnknownNames;
  readonly #apis: ReadonlyMap<string, unknown>;
  #config: ManyApisConfig;

  /** @param apis those in service, always the same map */
  constructor(logger: Logger, apis: ReadonlyMap<string, unknown>, config: ManyApisConfig) {
    this.#config = config;
    this.#apis = apis;
    this.#refused = new RefusedCredentials(logger, (api) => this.#optionsOf(api));
    this.#unknown = new UnknownNames(logger, apis);
  }

  ended(exchange: Exchange, clientOf: ClientAddress): void {
    const { api, req, originalUrl } = exchange;
    if (api === UNKNOWN_API) this.#unknown.called(originalUrl, clientOf(req));
    else this.#refused.ended(exchange);
  }

  /** A WebSocket is requested: one to an unknown API never becomes a call. @param path below `/api` */
  upgrade(req: IncomingMessage, path: string, clientOf: ClientAddress): void {
    const [, name = ''] = /^\/([^/?#]*)/.exec(path) ?? [];
    if (!this.#apis.has(name)) this.#unknown.called(path, clientOf(req));
  }

  /** The configuration was replaced. */
  updated(config: ManyApisConfig, report: Omit<UpdateReport, 'needsRestart'>): void {
    this.#config = config;
    this.#refused.updated(Object.keys(report.changed));
    this.#unknown.updated(report);
  }

  list(): CallTroubleList {
    return { refused: this.#refused.list(), unknown: this.#unknown.list() };
  }

  #optionsOf(api: string): ApiOptions | undefined {
    const { apis, defaults } = this.#config;
    return Object.hasOwn(apis, api) ? { ...defaults, ...apis[api] } : undefined;
  }
}

/** That of all processes, as sentences. */
export function troubleTexts(lists: readonly CallTroubleList[]): string[] {
  const refused = lists.flatMap((list) => list.refused);
  // The last one to be called says who calls.
  const unknown = lists.flatMap((list) => list.unknown).sort((a, b) => b.lastAt - a.lastAt);
  return [
    ...mostCalled(refused, ({ api, status }) => `${api} ${status}`).map(refusedText),
    ...mostCalled(unknown, ({ name }) => name).map(unknownText),
  ];
}

/** Entries about the same become one: the first of them, with the calls of all. */
function mostCalled<T extends { readonly calls: number }>(
  entries: readonly T[],
  keyOf: (entry: T) => string,
): T[] {
  const byKey = new Map<string, T>();
  for (const entry of entries) {
    const known = byKey.get(keyOf(entry));
    byKey.set(keyOf(entry), known ? { ...known, calls: known.calls + entry.calls } : entry);
  }
  return [...byKey.values()].sort((a, b) => b.calls - a.calls);
}
