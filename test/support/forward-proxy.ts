import type { Server as HttpServer } from 'node:http';
import { Server } from 'proxy-chain';
import { listening } from './listening.js';
import type { Credentials } from './tls.js';

export interface ForwardProxyOptions {
  /** `user:password` it asks for. */
  credentials?: string;
  /** Makes it an https proxy. */
  tls?: Credentials;
  /** Loopback address from which it calls the targets: by it they tell its calls from direct ones. */
  from?: string;
  /** Runs before each request is let through; its end is waited for. */
  before?: () => unknown;
}

/** A request that a proxy got. */
export interface ProxiedRequest {
  readonly method: string;
  /** `host:port` of a CONNECT, else the absolute form. */
  readonly url: string;
  readonly user: string;
}

/** A real forward proxy. */
export interface ForwardProxy {
  /** With the credentials, percent-encoded. */
  readonly url: string;
  readonly port: number;
  /** Name that a rotation gives it. */
  readonly name: string;
  /** Address from which it calls the targets. */
  readonly from: string;
  /** CONNECTs that it let through or refused for their credentials. */
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
