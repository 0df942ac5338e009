import { isIP } from 'node:net';
import type { ProxyTarget } from 'httpxy';
import { invalidOption, ProxyError } from '../../core/errors.js';

/** A target URL, parsed once. */
export interface Target {
  /** `http://host:port`; the key of its connection pool. */
  readonly origin: string;
  /** Value of `Host` with `changeOrigin`. */
  readonly host: string;
  /** Name for SNI and the certificate check; `undefined` for an IP address, which TLS does not send. */
  readonly servername: string | undefined;
  /** Path that each call's path is appended to; empty if the target has none. */
  readonly basePath: string;
  /** Query added to every call, with its `?`. */
  readonly search: string;
  /** `user:password`, if the target has credentials. */
  readonly auth: string | undefined;
}

const SCHEMES: Readonly<Record<string, string>> = {
  'http:': 'http:',
  'https:': 'https:',
  'ws:': 'http:',
  'wss:': 'https:',
};

/** Parses a target URL. @throws TypeError if it is not an absolute http(s) URL */
export function parseTarget(url: URL): Target {
  const scheme = Object.hasOwn(SCHEMES, url.protocol) ? SCHEMES[url.protocol] : undefined;
  if (!scheme || url.hostname === '') throw new TypeError('not an http or https URL');
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  return Object.freeze({
    origin: `${scheme}//${url.host}`,
    host: url.host,
    servername: isIP(hostname) ? undefined : hostname,
    basePath: url.pathname === '/' ? '' : url.pathname,
    search: url.search,
    auth: url.username ? `${percentDecoded(url.username)}:${percentDecoded(url.password)}` : undefined,
  });
}

const ESCAPES = /(?:%[0-9a-f]{2})+/gi;

/** User or password of a URL; a `%` that begins no escape is meant as it stands. */
function percentDecoded(text: string): string {
  return text.replace(ESCAPES, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

/** Reads a configured target. @throws InvalidOptionError if it is not an http(s) URL */
export function targetUrl(value: unknown, place: string): URL {
  const text = value instanceof URL ? value.href : value;
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !Object.hasOwn(SCHEMES, url.protocol) || url.hostname === '') {
    throw invalidOption(place, 'must be an absolute http or https URL, as https://api.example.com/v2', text);
  }
  return url;
}

/** The target as a URL for listeners, whatever a router returned. */
export function asUrl(target: ProxyTarget | undefined): ProxyTarget | undefined {
  return typeof target === 'string' && URL.canParse(target) ? new URL(target) : target;
}

const MAX_REMEMBERED = 1000;

/** Caches parsed targets, since a `router` may return another one for each call. */
export class TargetBook {
  readonly #byUrl = new WeakMap<URL, { readonly href: string; readonly target: Target }>();
  readonly #byText = new Map<string, Target>();

  /** @throws ProxyError if the router returned a target that cannot be called */
  read(target: ProxyTarget): Target {
    const found = this.#find(target);
    // An object may have credentials beside its address, as those of Node's `url.parse()` do.
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
      throw new ProxyError('ERR_INTERNAL', 'The router returned a target that is not an http or https URL', {
        cause,
      });
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
