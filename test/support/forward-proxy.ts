import type { Server as HttpServer } from 'node:http';
import { Server } from 'proxy-chain';
import { listening } from './listening.js';
import type { Credentials } from './tls.js';

export interface ForwardProxyOptions {
  /** `user:password` that it requires. */
  credentials?: string;
  /** Makes it an https proxy. */
  tls?: Credentials;
  /** Loopback address from which it calls the targets, which tells its calls from direct ones. */
  from?: string;
  /** Called before each request is let through, and awaited. */
  before?: () => unknown;
}

/** A request that the proxy got. */
export interface ProxiedRequest {
  readonly method: string;
  /** `host:port` of a CONNECT, else the absolute form. */
  readonly url: string;
  readonly user: string;
}

/** A real forward proxy. */
export interface ForwardProxy {
  /** URL with the credentials, percent-encoded. */
  readonly url: string;
  readonly port: number;
  /** Its name in a rotation. */
  readonly name: string;
  /** Address from which it calls the targets. */
  readonly from: string;
  /** CONNECT requests that it accepted, or refused for their credentials. */
  readonly connects: readonly ProxiedRequest[];
  /** Requests in absolute form. */
  readonly requests: readonly ProxiedRequest[];
  readonly open: () => number;
  close(): Promise<void>;
}

/** Starts a forward proxy on a free port, closed after the test. */
export async function startForwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const { credentials = '', tls, from = '127.0.0.2', before } = options;
  const connects: ProxiedRequest[] = [];
  const requests: ProxiedRequest[] = [];
  const proxy = new Server({
    ...(tls ? { serverType: 'https', httpsOptions: { key: tls.key, cert: tls.cert } } : {}),
    prepareRequestFunction: async ({ request, username, password, isHttp }) => {
      const { method = '', url = '' } = request;
      (isHttp ? requests : connects).push({ method, url, user: username });
      await before?.();
      return {
        requestAuthentication: credentials !== '' && `${username}:${password}` !== credentials,
        localAddress: from,
      };
    },
  } as ConstructorParameters<typeof Server>[0]);
  const { port, connections, close } = await listening(proxy.server as HttpServer);
  const [user = '', password = ''] = credentials.split(/:(.*)/s);
  const login = credentials === '' ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  return {
    url: `${tls ? 'https' : 'http'}://${login}127.0.0.1:${port}`,
    port,
    name: `127.0.0.1:${port}`,
    from,
    connects,
    requests,
    open: () => connections.open,
    close,
  };
}
