import { isIP } from 'node:net';
import type { ProxyTarget } from 'httpxy';
import { invalidOption, ProxyError } from '../../core/errors.js';

/** Where calls go, taken apart once. */
export interface Target {
  /** `http://host:port`; keeps connection pools apart. */
  readonly origin: string;
  /** Value of `Host` with `changeOrigin`. */
  readonly host: string;
  /** Name for SNI and the certificate check; `undefined` for an IP address, which TLS does not send. */
  readonly servername: string | undefined;
  /** Path that every call is appended to; empty where the target has none. */
  readonly basePath: string;
  /** Query that every call carries, with its `?`. */
  readonly search: string;
  /** `user:password` of a target that holds credentials. */
  readonly auth: string | undefined;
}

const SCHEMES: Readonly<Record<string, string>> = {
  'http:': 'http:',
  'https:': 'https:',
  'ws:': 'http:',
  'wss:': 'https:',
};

/** Takes a URL apart. @throws TypeError when it is no absolute http(s) URL. */
export function parseTarget(url: URL): Target {
  const scheme = Object.hasOwn(SCHEMES, url.protocol) ? SCHEMES[url.protocol] : undefined;
  if (!scheme || url.hostname === '') throw new TypeError('no http or https URL');
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  return Object.freeze({
    origin: `${scheme}//${url.host}`,
    host: url.host,
    servername: isIP(hostname) ? undefined : hostname,
    basePath: url.pathname === '/' ? '' : url.pathname,
    search: url.search,
    auth: url.username
      ? `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
      : undefined,
  });
}

/** Reads a target of a configuration. @throws InvalidOptionError when it is no http(s) URL. */
export function targetUrl(value: unknown, place: string): URL {
  const text = value instanceof URL ? value.href : value;
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !Object.hasOwn(SCHEMES, url.protocol) || url.hostname === '') {
    throw invalidOption(place, 'must be an absolute http or https URL, as https://api.example.com/v2', text);
  }
  return url;
}

/** Listeners are given a URL, whatever form a router named it in. */
export function asUrl(target: ProxyTarget | undefined): ProxyTarget | undefined {
  return typeof target === 'string' && URL.canParse(target) ? new URL(target) : target;
}

const MAX_REMEMBERED = 1000;

/** Remembers targets, for a `router` may name another one for each call. */
export class TargetBook {
  readonly #byUrl = new WeakMap<URL, { readonly href: string; readonly target: Target }>();
  readonly #byText = new Map<string, Target>();

  /** @throws ProxyError when the router named something that cannot be called. */
  read(target: ProxyTarget): Target {
    const found = this.#find(target);
    // An object may hold credentials beside its address, as those of Node's `url.parse()` do.
    const auth: unknown = typeof target === 'object' && 'auth' in target ? target.auth : undefined;
    return typeof auth === 'string' ? { ...found, auth } : found;
  }

  #find(target: ProxyTarget): Target {
    if (target instanceof URL) {
      const known = this.#byUrl.get(target);
      if (known?.href === target.href) return known.target;
    }
    const text = textOf(target);
    const known = this.#byText.get(text) ?? this.#learn(text);
    if (target instanceof URL) this.#byUrl.set(target, { href: text, target: known });
    return known;
  }

  #learn(text: string): Target {
    try {
      const target = parseTarget(new URL(text));
      if (this.#byText.size >= MAX_REMEMBERED) this.#byText.clear();
      this.#byText.set(text, target);
      return target;
    } catch (cause) {
      throw new ProxyError('ERR_INTERNAL', 'The router named no http or https URL', { cause });
    }
  }
}

const ADDRESS = ['host', 'hostname', 'port', 'socketPath'] as const;

function textOf(target: ProxyTarget): string {
  if (typeof target === 'string') return target;
  if (typeof target !== 'object' || !ADDRESS.some((name) => name in target || target instanceof URL))
    return '';
  if (target instanceof URL) return target.href;
  const { hostname, host = 'localhost' } = target;
  const named = String(hostname ?? (target.port ? host.replace(/^(\[.*\]|[^:]*):\d+$/, '$1') : host));
  const authority = isIP(named) === 6 ? `[${named}]` : named;
  const port = target.port ? `:${target.port}` : '';
  return `${target.protocol ?? 'http:'}//${authority}${port}${target.pathname ?? ''}`;
}
