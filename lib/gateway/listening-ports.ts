import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A place where a process listens, as the host of a URL. */
export interface Listening {
  readonly host: string;
  readonly port: number;
}

const LISTENS = '0A';
const ANYWHERE = /^0+$/;

/**
 * Where processes listen for TCP, from the tables of Linux.
 * @param root for tests
 */
export function listeningOf(pids: readonly number[], root = '/proc'): Listening[] {
  const sockets = new Set(pids.flatMap((pid) => socketsOf(pid, root)));
  return ['tcp', 'tcp6'].flatMap((table) =>
    linesOf(`${root}/net/${table}`).flatMap((line): Listening[] => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      if (state !== LISTENS || !sockets.has(inode)) return [];
      return [{ host: hostOf(address), port: Number.parseInt(port, 16) }];
    }),
  );
}

/** Processes that run a script whose path ends in this. */
export function processesOf(script: string, root = '/proc'): number[] {
  return readdirSync(root)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) =>
      textOf(`${root}/${pid}/cmdline`)
        .split('\0')
        .some((word) => word.endsWith(script)),
    );
}

function socketsOf(pid: number, root: string): string[] {
  try {
    return readdirSync(`${root}/${pid}/fd`).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`${root}/${pid}/fd/${fd}`))?.[1];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    // It has ended, or is another user's.
    return [];
  }
}

/** An IPv4 address has its bytes in the order of the machine; one that is every address, or IPv6, is reached by loopback. */
function hostOf(hex: string): string {
  if (hex.length !== 8) return ANYWHERE.test(hex) ? '127.0.0.1' : '[::1]';
  if (ANYWHERE.test(hex)) return '127.0.0.1';
  return [...Buffer.from(hex, 'hex').reverse()].join('.');
}

const linesOf = (path: string): string[] => textOf(path).split('\n').slice(1);

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
