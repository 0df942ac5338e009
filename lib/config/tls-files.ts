import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { joinPath } from '../core/options.js';
import { valueAt } from './check-part.js';
import type { PlacedProblem, Transcribed } from './openresty-names.js';

/** Where paths lead from, and what an error may show of them. */
export interface TlsFiles {
  /** Folder that relative paths begin at. */
  readonly folder: string;
  /** The configuration with its variables left in. */
  readonly shown: unknown;
}

const NAMES = ['ca', 'cert', 'key'] as const;
const RULE = 'must be PEM text or the path of a file that holds it';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'names a file that does not exist',
  ENOTDIR: 'names a file that does not exist',
  EISDIR: 'names a directory in place of a file',
  EACCES: 'names a file that this user may not read',
};

/** Puts the text of the files that its TLS options name in place of their paths. */
export function readTlsFiles(api: Transcribed, place: readonly PropertyKey[], files: TlsFiles): Transcribed {
  const reader = new Reader(files);
  const options: Record<string, unknown> = { ...api.options };
  for (const name of NAMES) {
    if (options[name] !== undefined) options[name] = reader.read(options[name], [...place, name]);
  }
  const rotate = api.options.proxyRotate || {};
  if (rotate.proxies) {
    const proxies = rotate.proxies.map((proxy, i) => {
      if (typeof proxy === 'string' || proxy.ca === undefined) return proxy;
      return { ...proxy, ca: reader.read(proxy.ca, [...place, 'proxyRotate', 'proxies', i, 'ca']) };
    });
    options.proxyRotate = { ...rotate, proxies };
  }
  return { ...api, options, problems: [...api.problems, ...reader.problems] };
}

class Reader {
  readonly problems: PlacedProblem[] = [];
  readonly #files: TlsFiles;

  constructor(files: TlsFiles) {
    this.#files = files;
  }

  /** @param value a text or a list of them, as the schema has checked */
  read(value: unknown, at: readonly PropertyKey[]): unknown {
    if (Array.isArray(value)) return value.map((one, i) => this.read(one, [...at, i]));
    if (typeof value !== 'string' || value.includes('-----BEGIN ')) return value;
    if (value === '' || value.includes('\n')) return this.#refuse(at, RULE);
    const path = resolve(this.#files.folder, value);
    try {
      const text = readFileSync(path, 'utf8');
      if (text.includes('-----BEGIN ')) return text;
      return this.#refuse(at, `names a file without PEM text (-----BEGIN …)${this.#shown(path, value, at)}`);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      const reason = REASONS[code] ?? `names a file that cannot be read (${code})`;
      return this.#refuse(at, reason + this.#shown(path, value, at));
    }
  }

  /** A key that lacks its PEM lines would be taken for a path. */
  #shown(path: string, value: string, at: readonly PropertyKey[]): string {
    const shown = valueAt(this.#files.shown, at);
    if (shown !== value) return `: ${shown}`;
    return /^[A-Za-z0-9+/=_-]{40,}$/.test(value) ? `; ${RULE}` : `: ${path}`;
  }

  #refuse(at: readonly PropertyKey[], rule: string): undefined {
    this.problems.push({ at, message: `${joinPath(at)} ${rule}` });
    return undefined;
  }
}
