import { connect, createServer, type Socket } from 'node:net';
import { listening } from './listening.js';

export interface SocksProxyOptions {
  /** `user:password` that it requires. */
  credentials?: string;
  /** Response to a request: 0 opens the tunnel, anything else is the code of a refusal; none leaves it waiting. */
  decide?: (host: string) => number | undefined;
}

/** A SOCKS proxy of all versions. */
export interface SocksProxy {
  readonly port: number;
  readonly name: string;
  /** `version host:port` of each request. */
  readonly requests: readonly string[];
}

/** Starts a SOCKS proxy on a free port, closed after the test. All its tunnels lead to this machine. */
export async function startSocksProxy(options: SocksProxyOptions = {}): Promise<SocksProxy> {
  const requests: string[] = [];
  const server = createServer(
    (client) => void serve(client, options, requests).catch(() => client.destroy()),
  );
  const { port } = await listening(server);
  return { port, name: `127.0.0.1:${port}`, requests };
}

async function serve(
  client: Socket,
  { credentials, decide = () => 0 }: SocksProxyOptions,
  requests: string[],
) {
  client.on('error', () => {});
  const read = reader(client);
  const [version = 0] = await read(1);
  if (version === 5) {
    const methods = await read((await read(1))[0] ?? 0);
    const method = credentials === undefined ? 0 : 2;
    if (!methods.includes(method)) return client.end(Buffer.from([5, 0xff]));
    client.write(Buffer.from([5, method]));
    if (credentials !== undefined) {
      await read(1);
      const user = String(await read((await read(1))[0] ?? 0));
      const password = String(await read((await read(1))[0] ?? 0));
      const isRight = `${user}:${password}` === credentials;
      client.write(Buffer.from([1, isRight ? 0 : 1]));
      if (!isRight) return client.end();
    }
    const [, , , type] = await read(4);
    const host =
      type === 3
        ? String(await read((await read(1))[0] ?? 0))
        : type === 4
          ? (await read(16)).toString('hex')
          : (await read(4)).join('.');
    const port = (await read(2)).readUInt16BE();
    requests.push(`5 ${host}:${port}`);
    const code = decide(host);
    if (code === undefined) return;
    client.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]));
    return code === 0 ? join(client, port) : client.end();
  }
  await read(1);
  const port = (await read(2)).readUInt16BE();
  const address = await read(4);
  const text = async (): Promise<string> => {
    let all = '';
    for (let [byte] = await read(1); byte; [byte] = await read(1)) all += String.fromCharCode(byte);
    return all;
  };
  const user = await text();
  const named = address[0] === 0 && address[1] === 0 && address[2] === 0;
  const host = named ? await text() : address.join('.');
  requests.push(`4 ${host}:${port}`);
  const granted = (credentials === undefined || user === credentials) && decide(host) === 0;
  client.write(Buffer.from([0, granted ? 90 : 91, 0, 0, 0, 0, 0, 0]));
  return granted ? join(client, port) : client.end();
}

function join(client: Socket, port: number): void {
  const target = connect(port, '127.0.0.1');
  target.on('error', () => client.destroy()).on('close', () => client.destroy());
  client.on('close', () => target.destroy());
  client.pipe(target).pipe(client);
}

/** Reads so many bytes at a time. */
function reader(socket: Socket): (length: number) => Promise<Buffer> {
  return async (length) => {
    if (length === 0) return Buffer.alloc(0);
    for (;;) {
      const chunk: Buffer | null = socket.read(length);
      if (chunk) return chunk;
      await new Promise<void>((resolve, reject) => {
        socket.once('readable', resolve).once('close', () => reject(new Error('closed')));
      });
    }
  };
}
