import { type BigIntStats, statSync } from 'node:fs';
import { lstat, readlink, stat } from 'node:fs/promises';
import { dirname, join, parse, resolve, sep } from 'node:path';

/** A folder that a path leads through. */
export interface Folder {
  readonly path: string;
  /** Tells it from another that is made anew in its place. */
  readonly identity: string;
}

/** More links in a path lead in a circle. */
const MAX_LINKS = 40;

/** Tells one state of a file from another. */
export async function stateOf(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(stateText, codeOf);
}

/** The same at once; for the begin alone, since a network drive may be slow. */
export function stateAtOnce(path: string): string {
  try {
    return stateText(statSync(path, { bigint: true }));
  } catch (error) {
    return codeOf(error);
  }
}

const stateText = ({ dev, ino, size, mtimeNs }: BigIntStats): string => `${dev} ${ino} ${size} ${mtimeNs}`;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown';

/** The folders in which a change can lead this path to another file: that of each link on the way, and the file's own. */
export async function foldersOf(path: string): Promise<Folder[]> {
  const folders = new Set<string>();
  let at = resolve(path);
  let links = 0;
  for (let known = parse(at).root; ; ) {
    const [name = '', ...rest] = at.slice(known.length).split(sep);
    const here = join(known, name);
    const target = await readlink(here).catch(() => undefined);
    if (target !== undefined && links++ < MAX_LINKS) {
      folders.add(dirname(here));
      at = resolve(dirname(here), target, ...rest);
      known = parse(at).root;
    } else if (rest.length > 0) known = here.endsWith(sep) ? here : `${here}${sep}`;
    else break;
  }
  folders.add(dirname(at));
  return Promise.all([...folders].map(nearest));
}

/** The folder, or the nearest one above it that exists. */
async function nearest(path: string): Promise<Folder> {
  try {
    const { dev, ino } = await lstat(path, { bigint: true });
    return { path, identity: `${dev} ${ino}` };
  } catch {
    return dirname(path) === path ? { path, identity: '' } : nearest(dirname(path));
  }
}
