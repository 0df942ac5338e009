import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** What watches a file. */
export interface ConfigWatch {
  close(): void;
}

/** A file that was as it is now for this long has been written to its end. */
const SETTLE_MS = 100;

/**
 * Calls back when another file, or other content, stands at this path and has settled; also when the file is gone.
 * @param failed told when changes are not seen any more
 */
export function watchConfig(
  path: string,
  changed: () => void,
  failed: (error: unknown) => void,
): ConfigWatch {
  let told = stateOf(path);
  let seen = told;
  let timer: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;

  // Fixed in length, since a log beside the file may be written to all the time.
  function look(): void {
    timer ??= setTimeout(check, SETTLE_MS).unref();
  }

  function check(): void {
    timer = undefined;
    const state = stateOf(path);
    if (state === told) {
      seen = state;
      return;
    }
    if (state !== seen) {
      seen = state;
      look();
      return;
    }
    told = state;
    changed();
  }

  function close(): void {
    clearTimeout(timer);
    watcher?.close();
  }

  try {
    // The folder: editors put a new file in place of the old one, and Kubernetes turns a link beside it.
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
