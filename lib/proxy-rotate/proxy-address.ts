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
  /** Value of `Proxy-Authorization`, not to be shown; `undefined` where the URL holds no credentials. */
  readonly authorization: string | undefined;
}

/**
 * Reads the URL of a proxy. Without a port it is the scheme's default.
 * @returns what is wrong with a URL that cannot be used; it shows nothing of the URL but the scheme
 */
export function proxyAddress(text: string): ProxyAddress | string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const socks = /^(socks\w{0,3}):$/.exec(url?.protocol ?? '')?.[1];
  if (socks) return `has the scheme ${socks}, which is not supported: it must be an http or https proxy`;
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    return 'must be an http or https URL, as http://user:password@proxy.example.com:3128';
  }
  if (url.pathname !== '/' || url.search !== '') return 'must be the URL of a proxy, without path and query';
  const credentials = decoded(url);
  if (credentials === undefined) return 'must have its user and password percent-encoded';
  const encrypted = url.protocol === 'https:';
  const port = Number(url.port) || (encrypted ? 443 : 80);
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const authority = `${url.hostname}:${port}`;
  return {
    authority,
    origin: `${url.protocol}//${authority}`,
    encrypted,
    hostname,
    port,
    servername: isIP(hostname) ? undefined : hostname,
    authorization:
      credentials === '' ? undefined : `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`,
  };
}

/** `user:password`, decoded; empty if there is none, `undefined` if it cannot be decoded. */
function decoded({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return '';
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    return undefined;
  }
}
