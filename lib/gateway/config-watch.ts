import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** What watches a file. */
export interface ConfigWatch {
  close(): void;
}

/** A file that has not changed for this long has been written completely. */
const SETTLE_MS = 100;

/**
 * Calls `changed` when the file at this path was replaced, rewritten or removed, once it has settled.
 * @param failed called when the file cannot be watched (any more)
 */
export function watchConfig(
  path: string,
  changed: () => void,
  failed: (error: unknown) => void,
): ConfigWatch {
  let reported = stateOf(path);
  let seen = reported;
  let timer: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;

  // Not restarted by later events: a log in the same folder may be written all the time.
  function look(): void {
    timer ??= setTimeout(check, SETTLE_MS).unref();
  }

  function check(): void {
    timer = undefined;
    const state = stateOf(path);
    if (state === reported) {
      seen = state;
      return;
    }
    if (state !== seen) {
      seen = state;
      look();
      return;
    }
    reported = state;
    changed();
  }

  function close(): void {
    clearTimeout(timer);
    watcher?.close();
  }

  try {
    // The folder, not the file: editors replace the file, and Kubernetes switches a symbolic link beside it.
    watcher = watch(dirname(path), { persistent: false }, look);
    watcher.on('error', (error) => {
      close();
      failed(error);
    });
  } catch (error) {
    failed(error);
  }
  return { close };
}

/** Tells one state of a file from another. */
function stateOf(path: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  }
}
