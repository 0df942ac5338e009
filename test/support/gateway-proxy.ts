import { type ConnectProxy, startConnectProxy } from './connect-proxy.js';

/** A rotating gateway, which takes the name of a session out of the user. */
export interface GatewayProxy extends ConnectProxy {
  /** `host:port`, to be put behind user and password. */
  readonly name: string;
  /** User of each CONNECT, in turn. */
  users(): string[];
}

/** Starts a gateway, closed after the test. */
export async function startGatewayProxy(): Promise<GatewayProxy> {
  const proxy = await startConnectProxy();
  const users = () =>
    proxy.rawHeaders.map((headers) => {
      const at = headers.findIndex((name) => name.toLowerCase() === 'proxy-authorization');
      const login = Buffer.from((headers[at + 1] ?? '').replace('Basic ', ''), 'base64').toString();
      return at < 0 ? '' : (login.split(':')[0] ?? '');
    });
  return Object.assign(proxy, { users });
}
