import { readBoundedFile } from './bounded-file.js';

/** A secret is short; what is longer is another file. */
export const MAX_SECRET_BYTES = 64 * 1024;

/** The text of a file that holds a secret, without the line ends that editors and `echo` leave behind it. */
export function readSecretFile(path: string): string {
  const bytes = readBoundedFile(path, { maxBytes: MAX_SECRET_BYTES });
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/[\r\n]+$/, '');
}
