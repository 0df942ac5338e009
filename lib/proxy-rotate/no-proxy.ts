import { BlockList, isIP } from 'node:net';

/** Whether a target is called directly. */
export type NoProxy = (hostname: string, port: number) => boolean;

interface Range {
  readonly list: BlockList;
  readonly version: number;
}

interface Entry {
  readonly name: string;
  /** Matches subdomains of the name, not the name itself. */
  readonly below: boolean;
  readonly port: number | undefined;
}

/**
 * Reads a list in the form of `NO_PROXY`: `api.internal` is that host, `.internal` and `*.internal` are its
 * subdomains, `10.0.0.0/8` and `::1` are addresses, each with `:port` for that port only; `*` is everything.
 * Names are not resolved: an address matches only a target that is written as an address.
 * @returns the index of an entry that cannot be read, if there is one
 */
export function noProxyList(entries: readonly string[]): NoProxy | { readonly wrong: number } {
  const names: Entry[] = [];
  const addresses: (Range & { readonly port: number | undefined })[] = [];
  let all = false;
  for (const [i, entry] of entries.entries()) {
    const text = entry.trim().toLowerCase();
    if (text === '*') {
      all = true;
      continue;
    }
    const read = readEntry(text);
    if (!read) return { wrong: i };
    if ('list' in read) addresses.push(read);
    else names.push(read);
  }
  if (!all && names.length === 0 && addresses.length === 0) return () => false;
  return (hostname, port) => {
    if (all) return true;
    const version = isIP(hostname);
    if (version) {
      const family = version === 6 ? 'ipv6' : 'ipv4';
      return addresses.some(
        (entry) =>
          samePort(entry, port) &&
          // A range of IPv6 as `::/0` has IPv4 addresses in it too, for Node.
          (entry.version === 4 || version === 6) &&
          entry.list.check(hostname, family),
      );
    }
    const name = hostname.toLowerCase().replace(/\.$/, '');
    return names.some((entry) => samePort(entry, port) && matches(entry, name));
  };
}

const samePort = (entry: { port: number | undefined }, port: number) =>
  entry.port === undefined || entry.port === port;

const matches = (entry: Entry, name: string) =>
  entry.below ? name.endsWith(`.${entry.name}`) : name === entry.name;

function readEntry(text: string): Entry | (Range & { port: number | undefined }) | undefined {
  const bare = addressRange(text);
  if (bare) return { ...bare, port: undefined };
  const { host, port: digits } = /^(?<host>\[[^\]]*\]|[^:]*)(?::(?<port>\d{1,5}))?$/.exec(text)?.groups ?? {};
  if (host === undefined) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  const range = addressRange(host.replace(/^\[|\]$/g, ''));
  if (range) return { ...range, port };
  const name = host.replace(/^\*?\./, '').replace(/\.$/, '');
  if (!/^[\w-]+(?:\.[\w-]+)*$/.test(name)) return undefined;
  return { name, below: /^\*?\./.test(host), port };
}

function addressRange(text: string): Range | undefined {
  const [address = '', bits] = text.split('/', 2);
  const version = isIP(address);
  if (!version || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined;
  const most = version === 6 ? 128 : 32;
  const prefix = bits === undefined ? most : Number(bits);
  if (prefix > most) return undefined;
  const list = new BlockList();
  list.addSubnet(address, prefix, version === 6 ? 'ipv6' : 'ipv4');
  return { list, version };
}
