import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** How a file may be read. */
export interface FileBounds {
  /** A larger one is refused, unread. */
  readonly maxBytes: number;
  /** Whether it may be a pipe, as standard input or what a shell makes of `<(…)`. */
  readonly pipe?: boolean;
}

/** Thrown for a file that is too large, or no file; like errors of the system it has a `code`. */
class UnusableFile extends Error {
  override readonly name = 'UnusableFile';
  readonly code: string;

  constructor(code: 'EISDIR' | 'ERR_NO_FILE' | 'ERR_TOO_LARGE' | 'ERR_SILENT_PIPE') {
    super(code);
    this.code = code;
  }
}

const CHUNK_BYTES = 64 * 1024;
const PIPE_PATIENCE_MS = 2000;
const LOOK_EVERY_MS = 5;

/**
 * Bytes of a file. A device that never ends, a pipe into which nobody writes and a file that a mistake filled are errors,
 * and neither hold the process up nor fill its memory.
 */
export function readBoundedFile(path: string, { maxBytes, pipe = false }: FileBounds): Buffer {
  // Opening a pipe would wait for its writer.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = fstatSync(file);
    if (stat.isDirectory()) throw new UnusableFile('EISDIR');
    if (!stat.isFile() && !(pipe && stat.isFIFO())) throw new UnusableFile('ERR_NO_FILE');
    if (stat.size > maxBytes) throw new UnusableFile('ERR_TOO_LARGE');
    return readAll(file, maxBytes);
  } finally {
    closeSync(file);
  }
}

/** To the end, whatever size was told: it may be growing, and those of /proc tell none. */
function readAll(file: number, maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  const giveUpAt = performance.now() + PIPE_PATIENCE_MS;
  for (let length = 0; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const read = readSome(file, chunk);
    if (read === 0) return Buffer.concat(chunks, length);
    if (read === undefined) {
      if (performance.now() > giveUpAt) throw new UnusableFile('ERR_SILENT_PIPE');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_EVERY_MS);
      continue;
    }
    length += read;
    if (length > maxBytes) throw new UnusableFile('ERR_TOO_LARGE');
    chunks.push(chunk.subarray(0, read));
  }
}

/** How many bytes were read; `undefined` where the writer of a pipe has not written yet. */
function readSome(file: number, into: Buffer): number | undefined {
  try {
    return readSync(file, into);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return undefined;
    throw error;
  }
}

/** What is wrong with a file that could not be read, as the end of a sentence about it. */
export function faultOf(error: unknown, maxBytes: number): string {
  const code = codeOf(error);
  if (code === 'ERR_TOO_LARGE') return `is larger than ${sizeText(maxBytes)}`;
  return FAULTS[code] ?? `cannot be read (${code})`;
}

const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EISDIR: 'is a directory; give the path of a file',
  EACCES: 'cannot be read by this user',
  ELOOP: 'is a link that leads back to itself',
  ERR_NO_FILE: 'is a device, a pipe or a socket; give the path of a file',
  ERR_SILENT_PIPE: `is a pipe into which nobody has written for ${PIPE_PATIENCE_MS / 1000} s`,
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
};

/** Whether an error says that there is no such file. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

const sizeText = (bytes: number): string =>
  bytes >= 1024 * 1024 ? `${bytes / 1024 / 1024} MiB` : `${bytes / 1024} KiB`;
