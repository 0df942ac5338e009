import type { Family } from '../core/metric-family.js';
import { ALL_PARTS, type Api } from './part-list.js';

/** Metrics of the parts themselves, read from those of all APIs at each scrape. */
export function partFamilies(apis: ReadonlyMap<string, Api>): Family[] {
  return ALL_PARTS.flatMap((part) => part.families?.(() => handlersOf(part.name, apis)) ?? []);
}

/** The state of a part as a route shows it. */
export interface StatusView {
  /** As `/cache-status`. */
  readonly route: string;
  /** What it responds: a list with one entry for each API where the part is on. */
  read(): Readonly<Record<string, readonly object[]>>;
}

/** The routes that show the state of parts. */
export function statusViews(apis: ReadonlyMap<string, Api>): StatusView[] {
  return ALL_PARTS.flatMap(({ name, status }) => {
    if (!status) return [];
    const entries = () => handlersOf(name, apis).map(([api, handler]) => ({ api, ...status.read(handler) }));
    return [{ route: status.route, read: () => ({ [status.list]: entries() }) }];
  });
}

function handlersOf(part: string, apis: ReadonlyMap<string, Api>): [api: string, handler: object][] {
  return [...apis].flatMap(([name, api]): [string, object][] => {
    const handler: object | undefined = Reflect.get(api, part);
    return handler ? [[name, handler]] : [];
  });
}
