import { type FSWatcher, watch } from 'node:fs';
import { foldersOf, stateAtOnce, stateOf } from './file-state.js';

/** What watches files. */
export interface ConfigWatch {
  close(): void;
}

/** What is watched, and who hears of it. */
export interface ConfigWatchOptions {
  /** Paths of the files now; a reload may change which they are. */
  files(): readonly string[];
  /** Called when a file was replaced, rewritten or removed, once it has settled. */
  changed(): void | Promise<void>;
  /** Called when the system does not tell of changes in a folder (any more): they are found by looking. */
  failed(error: unknown, folder: string): void;
  /**
   * How often the files are looked at, whatever the system tells: it tells nothing of a network drive, and nothing of
   * a folder that is made anew.
   * @default 2000
   */
  pollMs?: number;
  /** For tests. */
  watchFolder?(folder: string, options: { persistent: boolean }, told: () => void): FSWatcher;
}

/** A file that has not changed for this long has been written completely. */
const SETTLE_MS = 100;
export const POLL_MS = 2000;
/** Looking takes at most this share of the time, however many files there are and however slow their drive is. */
const MAX_SHARE = 0.02;

/** Watches files, those behind links and in folders that are replaced too. */
export function watchConfig({
  files,
  changed,
  failed,
  pollMs = POLL_MS,
  watchFolder = watch,
}: ConfigWatchOptions): ConfigWatch {
  const reported = new Map(files().map((path) => [path, stateAtOnce(path)]));
  const seen = new Map<string, string>();
  const watchers = new Map<string, FSWatcher>();
  const dead = new Set<string>();
  let soon: NodeJS.Timeout | undefined;
  let later: NodeJS.Timeout | undefined;
  let looking = false;
  let again = false;
  let closed = false;

  // Not restarted by later events: a log in the same folder may be written all the time.
  function lookSoon(): void {
    if (!closed) soon ??= setTimeout(look, SETTLE_MS).unref();
  }

  function look(): void {
    clearTimeout(soon);
    clearTimeout(later);
    soon = undefined;
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    const begun = performance.now();
    void check().finally(() => {
      looking = false;
      if (closed) return;
      if (again) lookSoon();
      again = false;
      const waitMs = Math.max(pollMs, (performance.now() - begun) / MAX_SHARE);
      later = setTimeout(look, waitMs).unref();
    });
  }

  async function check(): Promise<void> {
    const paths = files();
    // First: what changes behind the look is told then.
    await watchFolders(paths);
    const states = await Promise.all(paths.map(stateOf));
    if (closed) return;
    let isNew = false;
    let isUnsettled = false;
    paths.forEach((path, i) => {
      const state = states[i] ?? '';
      // A file that the last reload has begun to read.
      if (!reported.has(path)) reported.set(path, state);
      if (state !== reported.get(path)) {
        isNew = true;
        isUnsettled ||= state !== seen.get(path);
      }
      seen.set(path, state);
    });
    if (!isNew) return;
    if (isUnsettled) return lookSoon();
    for (const path of paths) reported.set(path, seen.get(path) ?? '');
    await changed();
  }

  /** Folders, not files: editors replace a file, and Kubernetes switches a symbolic link beside it. */
  async function watchFolders(paths: readonly string[]): Promise<void> {
    const found = await Promise.all(paths.map(foldersOf));
    if (closed) return;
    const wanted = new Map(found.flat().map((folder) => [`${folder.path}\n${folder.identity}`, folder.path]));
    for (const [key, watcher] of watchers) {
      if (wanted.has(key)) continue;
      watcher.close();
      watchers.delete(key);
    }
    for (const key of dead) if (!wanted.has(key)) dead.delete(key);
    for (const [key, folder] of wanted) if (!watchers.has(key) && !dead.has(key)) listen(key, folder);
  }

  function listen(key: string, folder: string): void {
    const lost = (error: unknown): void => {
      watchers.get(key)?.close();
      watchers.delete(key);
      dead.add(key);
      if (!closed) failed(error, folder);
    };
    try {
      const watcher = watchFolder(folder, { persistent: false }, lookSoon).on('error', lost);
      watchers.set(key, watcher);
    } catch (error) {
      lost(error);
    }
  }

  look();
  return {
    close() {
      closed = true;
      clearTimeout(soon);
      clearTimeout(later);
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
