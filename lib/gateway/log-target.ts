import { constants, fstatSync, openSync } from 'node:fs';

/** Where log lines are written. */
export interface LogTarget {
  readonly fd: number;
  /** A write to it may take its time: it is left to another thread. */
  readonly blocks: boolean;
}

const OWN = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Standard error, so that a write which its reader holds up fails at once: one that waits would hold up the exit. */
export function standardError(): LogTarget {
  const kind = fstatSync(2);
  if (kind.isSocket()) return { fd: nodesOwn(), blocks: false };
  if (!kind.isFIFO() && !kind.isCharacterDevice()) return { fd: 2, blocks: true };
  try {
    // Shared with other processes, any of which may make it block. Opened anew it is non-blocking for us alone.
    return { fd: openSync('/dev/stderr', OWN), blocks: false };
  } catch {
    // Of another user, or without a reader.
    return { fd: kind.isFIFO() ? nodesOwn() : 2, blocks: true };
  }
}

/** Node makes a pipe or a socket non-blocking when it opens it, which is when it is first asked for. */
const nodesOwn = (): number => process.stderr.fd;
