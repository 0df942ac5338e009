import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { knownExchange } from '../../core/exchange.js';
import { isWebSocket } from '../../websocket/protocols.js';

/** Headers that tell a target who its client is. */
export interface Forwarded {
  /** Whether what the client sends under this name is not passed on as it is; the name is in lower case. */
  drops(lower: string): boolean;
  add(headers: string[], req: IncomingMessage): void;
}

const NAMES = ['x-forwarded-for', 'x-forwarded-port', 'x-forwarded-proto', 'x-forwarded-host'];
const SAYS_WHO = /^(x-forwarded-.+|forwarded|x-real-ip)$/;

/**
 * Prepares what is the same for every call.
 * @param passes whether a header of the client reaches the target
 * @param injected names of headers that are added to every call
 */
export function forwarded(
  xfwd: boolean | 'append' | 'replace',
  passes: (lower: string) => boolean,
  injected: ReadonlySet<string>,
): Forwarded | undefined {
  if (xfwd === false) return undefined;
  // Whoever replaces trusts nobody, and whoever forwards no such header has none to keep.
  const kept = (name: string, { headers }: IncomingMessage) =>
    xfwd === 'replace' || !passes(name) ? undefined : headers[name];
  return {
    drops: (lower) =>
      xfwd === 'replace' ? SAYS_WHO.test(lower) : xfwd === 'append' && lower === 'x-forwarded-for',
    add(headers, req) {
      const values = ownValues(req);
      NAMES.forEach((name, i) => {
        const before = kept(name, req);
        const list = xfwd === 'append' && i === 0;
        if (injected.has(name) || (before !== undefined && !list)) return;
        headers.push(name, [before ?? [], values[i] ?? ''].flat().join(', '));
      });
    },
  };
}

function ownValues(req: IncomingMessage): string[] {
  const encrypted = req.socket instanceof TLSSocket;
  const host = req.headers.host ?? '';
  return [
    req.socket?.remoteAddress ?? '',
    /:(\d+)$/.exec(host)?.[1] ?? (encrypted ? '443' : '80'),
    // As httpxy names them.
    (isWebSocket(knownExchange(req)?.upgrade?.protocol ?? '') ? 'ws' : 'http') + (encrypted ? 's' : ''),
    host,
  ];
}
