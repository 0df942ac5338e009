import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4, type Socket } from 'node:net';

/** The address of the client that made a request; `undefined` where there is none, as on a Unix socket. */
export type ClientAddress = (req: IncomingMessage) => string | undefined;

/** Names of ranges, as in Express' `trust proxy`. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** Whether a text is an address, a range such as `10.0.0.0/8`, or the name of ranges. */
export function isAddressRange(text: string): boolean {
  if (Object.hasOwn(NAMED, text)) return true;
  const [address = '', bits, ...more] = text.split('/');
  const kind = isIP(address);
  if (kind === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (kind === 4 ? 32 : 128));
}

/**
 * Follows `X-Forwarded-For` from its end, through the proxies that are trusted, to the first address that is not one of
 * theirs: what stands before that is what a client says of itself.
 * @param trusted addresses and ranges of proxies in front
 */
export function clientAddress(trusted: readonly string[]): ClientAddress {
  if (trusted.length === 0) return ({ socket }) => plain(socket?.remoteAddress);
  const list = blockList(trusted);
  const isTrusted = (address: string) => list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');

  return function clientAddress({ socket, headers }) {
    let client = plain(socket?.remoteAddress);
    const header = headers['x-forwarded-for'];
    if (client === undefined || header === undefined) return client;
    const said = String(header).split(',');
    for (let i = said.length - 1; i >= 0 && isTrusted(client); i--) {
      const next = plain(said[i]?.trim());
      if (next === undefined) break;
      client = next;
    }
    return client;
  };
}

function blockList(trusted: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of trusted.flatMap((text) => NAMED[text] ?? [text])) {
    const [address = '', bits] = range.split('/');
    const kind = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, kind);
    else list.addSubnet(address, Number(bits), kind);
  }
  return list;
}

/** An address without port, brackets and the prefix of mapped IPv4 ones; `undefined` for what is none. */
function plain(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const bare = text.replace(/^\[(.*)\](?::\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  const address = bare.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(address) === 0 ? undefined : address;
}

/** So that it is known after the connection has closed, too. */
export function rememberAddress(socket: Socket): void {
  void socket.remoteAddress;
}
