import { type ManyApisConfig, resolveConfig } from '../apis/options.js';

/** What of a configuration each worker has by itself, in sentences. */
export function workerNotes(config: ManyApisConfig, workers: number): string[] {
  if (workers === 1) return [];
  const { apis, shared } = resolveConfig(config);
  const has = (part: 'cache' | 'concurrency' | 'proxyRotate' | 'rateLimit'): string[] =>
    [...apis].flatMap(([name, options]) => (options[part] ? [name] : []));
  const notes: string[] = [];
  const note = (names: readonly string[], text: string): void => {
    if (names.length > 0) notes.push(`${text} (${names.join(', ')})`);
  };
  if (shared.redis === undefined)
    note(has('cache'), 'each worker has a cache of its own, and requests by itself what it has not stored');
  const queueing = has('concurrency').filter((name) => !has('rateLimit').includes(name));
  note(queueing, 'calls that wait for a place wait in their worker: concurrency.queue is for each');
  note(has('rateLimit'), 'calls that wait for a limit wait in their worker: rateLimit.maxQueue is for each');
  note(has('proxyRotate'), 'each worker finds out by itself which egress proxies fail');
  const retrying = [...apis].flatMap(([name, { retry }]) => (retry === false ? [] : [name]));
  note(retrying, 'each worker has a retry budget of its own');
  return notes;
}
