import { InvalidOptionError } from '../core/errors.js';
import { type ResolvedProxy, resolvedProxy } from './named-proxy.js';
import { noProxyList } from './no-proxy.js';
import { type ProxyAddress, proxyAddress } from './proxy-address.js';
import { UniqueNames } from './unique-names.js';

type Variables = Readonly<Record<string, string | undefined>>;

/** What the environment says of proxies. */
export interface ProxyVariables {
  readonly proxies: readonly ResolvedProxy[];
  /** Entries for `noProxy`. */
  readonly noProxy: readonly string[];
}

/**
 * Reads `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`, each in lower case first and then in upper case, as curl
 * does (https://curl.se/docs/manpage.html#ENVIRONMENT). Only those of a target's scheme apply to it, or else `all_proxy`.
 * @param place of the option, for errors
 * @throws InvalidOptionError that names the variable and shows nothing of its value
 */
export function proxiesOfVariables(variables: Variables, place: string): ProxyVariables {
  const all = read(variables, 'all_proxy', place);
  // A CGI program has the header `Proxy` of its client in HTTP_PROXY (https://httpoxy.org).
  const isCgi = variables.REQUEST_METHOD !== undefined;
  const http = read(isCgi ? { http_proxy: variables.http_proxy } : variables, 'http_proxy', place) ?? all;
  const https = read(variables, 'https_proxy', place) ?? all;
  const names = new UniqueNames();
  const proxy = ({ text, address }: Found, only: ResolvedProxy['only']): ResolvedProxy => ({
    ...resolvedProxy({ url: text }, address, names.take(address.authority)),
    only,
  });
  const same = http && https && http.text === https.text;
  const proxies = same
    ? [proxy(https, undefined)]
    : [...(https ? [proxy(https, 'https')] : []), ...(http ? [proxy(http, 'http')] : [])];
  return { proxies, noProxy: exceptions(setting(variables, 'no_proxy')?.[1] ?? '') };
}

interface Found {
  readonly text: string;
  readonly address: ProxyAddress;
}

function read(variables: Variables, name: string, place: string): Found | undefined {
  const [variable = name, value] = setting(variables, name) ?? [];
  if (value === undefined) return undefined;
  const text = value.includes('://') ? value : `http://${value}`;
  const address = proxyAddress(text);
  if (typeof address !== 'string') return { text, address };
  throw new InvalidOptionError(place, `${place} reads the variable ${variable}, which ${address}`);
}

/** Name and value of the variable, in the case in which it is set; an empty one counts as not set. */
function setting(variables: Variables, name: string): readonly [name: string, value: string] | undefined {
  for (const variable of [name, name.toUpperCase()]) {
    const value = variables[variable]?.trim();
    if (value) return [variable, value];
  }
  return undefined;
}

/**
 * Entries of `no_proxy`: `example.com` and `.example.com` are both that host and its subdomains, addresses may be ranges, and
 * `*` counts only by itself. Beyond curl, an entry may have a port, or begin with `*.`.
 */
function exceptions(text: string): string[] {
  if (text === '*') return ['*'];
  return text
    .split(/[\s,]+/)
    .filter((entry) => entry !== '' && entry !== '*')
    .flatMap((entry) => {
      const bare = entry.replace(/^\*?\./, '');
      return entry.startsWith('*.') ? [`.${bare}`] : [bare, `.${bare}`];
    })
    .filter((entry) => typeof noProxyList([entry]) === 'function');
}
