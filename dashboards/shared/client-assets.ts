import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** A file of the client, in memory. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
}

/** Every file of the client. */
export interface ClientAssets {
  /** Changes with any file: part of each asset's URL, so that a browser may cache it for ever. */
  readonly version: string;
  readonly files: ReadonlyMap<string, Asset>;
}

const TYPES = new Map([
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.html', 'text/html; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
]);

/**
 * The folder of the built client: beside the compiled package, or in its build if the package runs from its TypeScript
 * sources.
 */
export function builtClient(): string {
  const folders = ['../client/', '../../dist/dashboards/client/'].map((folder) =>
    fileURLToPath(new URL(folder, import.meta.url)),
  );
  const built = folders.find((folder) => existsSync(`${folder}statistics/main.js`));
  if (built) return built;
  throw new Error(`The dashboards' client is not built; looked in ${folders.join(' and ')}`);
}

/** Reads the client into memory: some 150 KB. */
export async function loadClient(folder: string): Promise<ClientAssets> {
  const names = (await readdir(folder, { recursive: true })).map((name) => name.replaceAll('\\', '/')).sort();
  const known = names.filter((name) => TYPES.has(extname(name)));
  const loaded = await Promise.all(known.map((name) => load(folder, name)));
  const digest = createHash('sha256');
  for (const [name, { body }] of loaded) digest.update(`${name}\0${body.length}\0`).update(body);
  return { version: digest.digest('base64url').slice(0, 12), files: new Map(loaded) };
}

const compressed = promisify(gzip);

async function load(folder: string, name: string): Promise<[string, Asset]> {
  const body = await readFile(`${folder}/${name}`);
  return [name, { type: TYPES.get(extname(name)) ?? '', body, gzipped: await compressed(body) }];
}
