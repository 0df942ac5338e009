import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { clientFiles } from './client-files.js';

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

/** Takes the client into memory: some 150 KB. */
export async function loadClient(): Promise<ClientAssets> {
  const loaded = await Promise.all([...(await clientFiles())].map(load));
  const digest = createHash('sha256');
  for (const [name, { body }] of loaded) digest.update(`${name}\0${body.length}\0`).update(body);
  return { version: digest.digest('base64url').slice(0, 12), files: new Map(loaded) };
}

const compressed = promisify(gzip);

async function load([name, text]: readonly [name: string, text: string]): Promise<[string, Asset]> {
  const body = Buffer.from(text);
  return [name, { type: TYPES.get(extname(name)) ?? '', body, gzipped: await compressed(body) }];
}
