import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { listening } from './listening.js';
import type { Credentials } from './tls.js';

/** Opens the tunnel: to where it was requested or to another port, after this response. */
export type OpenTunnel = (response?: string, port?: number) => void;

/** A forward proxy whose behaviour at each CONNECT a test decides. */
export interface ConnectProxy {
  readonly url: string;
  readonly port: number;
  /** Name in a rotation. */
  readonly name: string;
  /** `host:port` of each CONNECT. */
  readonly connects: readonly string[];
  /** Headers of each CONNECT, flat. */
  readonly rawHeaders: readonly (readonly string[])[];
}

export const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';

/**
 * Starts a forward proxy on a free port, closed after the test. All its tunnels lead to this machine, whatever the
 * name of the target.
 */
export async function startConnectProxy(
  decide: (open: OpenTunnel, client: Socket, req: IncomingMessage) => void = (open) => open(),
  tls?: Credentials,
): Promise<ConnectProxy> {
  const server = tls ? createTlsServer({ key: tls.key, cert: tls.cert }) : createServer();
  const connects: string[] = [];
  const rawHeaders: string[][] = [];
  server.on('connect', (req: IncomingMessage, client: Socket) => {
    const to = req.url ?? '';
    connects.push(to);
    rawHeaders.push(req.rawHeaders);
    client.on('error', () => {});
    const open: OpenTunnel = (response = ESTABLISHED, port = Number(/\d+$/.exec(to)?.[0])) => {
      const target = connect(port, '127.0.0.1', () => {
        client.write(response);
        target.pipe(client).pipe(target);
      });
      target.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
      target.on('close', () => client.destroy());
      client.on('close', () => target.destroy());
    };
    decide(open, client, req);
  });
  const { port } = await listening(server);
  const name = `127.0.0.1:${port}`;
  return { url: `${tls ? 'https' : 'http'}://${name}`, port, name, connects, rawHeaders };
}
