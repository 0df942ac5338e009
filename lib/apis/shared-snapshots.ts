import { optionsSnapshot, sameOptions } from './same-options.js';
import { mountOf, type ResolvedShared, type SharedOptions } from './shared-options.js';

/** What the options that all APIs share were when they were read. */
export type SharedSnapshots = Readonly<Record<keyof SharedOptions, unknown>>;

export const snapshotsOf = ({
  redis,
  cacheBytes,
  stats,
  metrics,
  tracing,
  requestId,
  mount,
}: ResolvedShared): SharedSnapshots => ({
  redis: optionsSnapshot(redis),
  cacheBytes,
  stats: optionsSnapshot(stats ?? {}),
  metrics: optionsSnapshot(metrics || false),
  tracing: optionsSnapshot(tracing || false),
  requestId: optionsSnapshot(requestId ?? false),
  mount: mountOf({ mount }),
});

/** Names of those that are different now. */
export function differing(before: SharedSnapshots, now: SharedSnapshots): string[] {
  return Object.entries(now).flatMap(([name, value]) =>
    sameOptions(Reflect.get(before, name), value) ? [] : [name],
  );
}
