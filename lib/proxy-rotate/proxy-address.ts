import { isIP } from 'node:net';

/** The URL of a forward proxy, in parts. */
export interface ProxyAddress {
  /** `host:port`, with brackets around an IPv6 address; the proxy's default name. */
  readonly authority: string;
  /** Scheme, host and port; nothing secret. */
  readonly origin: string;
  readonly encrypted: boolean;
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Name for SNI and the check of an https proxy's certificate; `undefined` for an IP address. */
  readonly servername: string | undefined;
  /** URL of a SOCKS proxy, credentials included; `undefined` for an http or https proxy. */
  readonly socks: string | undefined;
  /** Value of `Proxy-Authorization`, not to be shown; `undefined` where the URL holds no credentials. */
  readonly authorization: string | undefined;
}

/**
 * Reads the URL of a proxy. Without a port it is the scheme's default.
 * @returns what is wrong with a URL that cannot be used; it shows nothing of the URL but the scheme
 */
export function proxyAddress(text: string): ProxyAddress | string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const mistake = wrongInText(text);
  if (mistake !== undefined) return mistake;
  const scheme = url?.protocol.slice(0, -1) ?? '';
  const defaultPort = DEFAULT_PORTS[scheme];
  if (!url || defaultPort === undefined || url.hostname === '') {
    return 'must be an http, https or socks URL, as http://user:password@proxy.example.com:3128';
  }
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '') {
    return 'must be the URL of a proxy, without path and query';
  }
  const credentials = decoded(url);
  if (!credentials) return 'must have its user and password percent-encoded';
  const [user, password] = credentials;
  const isSocks = scheme.startsWith('socks');
  const wrong = isSocks ? wrongForSocks(scheme, user, password) : wrongForHttp(user, password);
  if (wrong !== undefined) return wrong;
  const port = Number(url.port) || defaultPort;
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const authority = `${url.hostname}:${port}`;
  const basic = user !== '' || password !== '';
  return {
    authority,
    origin: `${url.protocol}//${authority}`,
    encrypted: scheme === 'https',
    hostname,
    port,
    servername: isIP(hostname) ? undefined : hostname,
    socks: isSocks ? url.href : undefined,
    authorization: basic
      ? `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`
      : undefined,
  };
}

const DEFAULT_PORTS: Readonly<Record<string, number | undefined>> = {
  http: 80,
  https: 443,
  socks: 1080,
  socks4: 1080,
  socks4a: 1080,
  socks5: 1080,
  socks5h: 1080,
};

/** Mistakes that a URL does not show any more once it is parsed, or that keep it from being parsed. */
function wrongInText(text: string): string | undefined {
  const [, rest = ''] = /^[a-z][a-z0-9+.-]*:\/\/(.*)$/is.exec(text) ?? [];
  const at = rest.lastIndexOf('@');
  // These end what stands before the host: the rest of a password would be taken for a path.
  if (/[/?#\\]/.test(rest.slice(0, Math.max(0, at))))
    return 'must have its user and password percent-encoded';
  const [, port] = /:(\d*)\/?$/.exec(rest.slice(at + 1)) ?? [];
  if (port === undefined || (Number(port) > 0 && Number(port) <= 65_535)) return undefined;
  return rest.slice(at + 1).startsWith('[') && port === '' ? undefined : 'must have a port from 1 to 65535';
}

/** Basic credentials end at the first colon, and know no control characters (RFC 7617 §2). */
function wrongForHttp(user: string, password: string): string | undefined {
  if (user.includes(':')) return 'must have a user without a colon';
  const text = user + password;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f]/.test(text) ? 'must have credentials without control characters' : undefined;
}

/** RFC 1929 §2 has one byte for each length, and SOCKS4 only a user. */
function wrongForSocks(scheme: string, user: string, password: string): string | undefined {
  if (scheme.startsWith('socks4') && password !== '')
    return 'must have no password: SOCKS4 knows only a user';
  const longest = Math.max(Buffer.byteLength(user), Buffer.byteLength(password));
  return longest > 255 ? 'must have a user and a password of at most 255 bytes' : undefined;
}

/** User and password, decoded; empty if there is none, `undefined` if they cannot be decoded. */
function decoded({ username, password }: URL): readonly [string, string] | undefined {
  try {
    return [decodeURIComponent(username), decodeURIComponent(password)];
  } catch {
    return undefined;
  }
}
