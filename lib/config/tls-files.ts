import { resolve } from 'node:path';
import { optionsOf } from '../apis/blocks.js';
import { joinPath } from '../core/options.js';
import { isCertificate } from '../proxy-rotate/named-proxy.js';
import { faultOf, readBoundedFile } from './bounded-file.js';
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

/** One API after the files that it names were read. */
export interface ReadApi extends Transcribed {
  readonly files: readonly string[];
}

/** Holds the authorities of every system more than once. */
const MAX_PEM_BYTES = 4 * 1024 * 1024;

/** Puts the text of the files that its TLS options name in place of their paths. */
export function readTlsFiles(api: Transcribed, place: readonly PropertyKey[], files: TlsFiles): ReadApi {
  const reader = new PemReader(files);
  const options: Record<string, unknown> = { ...api.options };
  for (const name of NAMES) {
    if (options[name] !== undefined) options[name] = reader.read(options[name], [...place, name]);
  }
  const rotate = optionsOf(api.options.proxyRotate);
  if (isList(rotate.proxies)) {
    const proxies = rotate.proxies.map((proxy, i) => {
      if (typeof proxy === 'string' || proxy.ca === undefined) return proxy;
      return {
        ...proxy,
        ca: reader.readCertificates(proxy.ca, [...place, 'proxyRotate', 'proxies', i, 'ca']),
      };
    });
    options.proxyRotate = { ...rotate, proxies };
  } else if (rotate.proxies?.file !== undefined) {
    const file = resolve(files.folder, rotate.proxies.file);
    options.proxyRotate = { ...rotate, proxies: { ...rotate.proxies, file } };
  }
  return { ...api, options, problems: [...api.problems, ...reader.problems], files: reader.files };
}

// Array.isArray() does not tell apart what may be a readonly array.
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** Reads the files that options name in place of PEM text. */
export class PemReader {
  readonly problems: PlacedProblem[] = [];
  /** Paths of what was read. */
  readonly files: string[] = [];
  readonly #files: TlsFiles;

  constructor(files: TlsFiles) {
    this.#files = files;
  }

  /** The same, of which all are to be certificates: only the first connection would find out otherwise. */
  readCertificates(value: unknown, at: readonly PropertyKey[]): unknown {
    if (Array.isArray(value)) return value.map((one, i) => this.readCertificates(one, [...at, i]));
    const before = this.problems.length;
    const read = this.read(value, at);
    if (this.problems.length > before || isCertificate(read)) return read;
    return this.#refuse(at, 'must be a certificate in PEM, or the path of a file that holds one');
  }

  /** @param value a text or a list of them, as the schema has checked */
  read(value: unknown, at: readonly PropertyKey[]): unknown {
    if (Array.isArray(value)) return value.map((one, i) => this.read(one, [...at, i]));
    if (typeof value !== 'string' || value.includes('-----BEGIN ')) return value;
    if (value === '' || value.includes('\n')) return this.#refuse(at, RULE);
    const path = resolve(this.#files.folder, value);
    this.files.push(path);
    try {
      const text = readBoundedFile(path, { maxBytes: MAX_PEM_BYTES }).toString('utf8');
      if (text.includes('-----BEGIN ')) return text;
      return this.#refuse(at, `names a file without PEM text (-----BEGIN …)${this.#shown(path, value, at)}`);
    } catch (error) {
      const [fault] = faultOf(error, MAX_PEM_BYTES).split(';');
      return this.#refuse(at, `names a file that ${fault}${this.#shown(path, value, at)}`);
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
