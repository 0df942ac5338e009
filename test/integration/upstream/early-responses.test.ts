import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawClient } from '../../support/raw-client.js';
import { type RawConnection, startRawUpstream } from '../../support/raw-upstream.js';
import { credentials } from '../../support/tls.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';

const MIB = 1024 * 1024;

/** Responds to each request at its head and closes with what has not been read: a reset follows the response. */
const refusing = (bytes: string) => async (connection: RawConnection) => {
  await connection.heads();
  connection.socket.pause();
  connection.socket.write(bytes, () => connection.socket.destroy());
};

/** Uploads as fast as it can, and tells what came back. @param deafMs how long it does not look for a response */
async function upload(port: number, head: string, deafMs = 0): Promise<string> {
  const client = await rawClient(port);
  const { socket } = client;
  if (deafMs > 0) {
    socket.pause();
    setTimeout(() => socket.resume(), deafMs);
  }
  client.send(`${head}\r\nHost: a\r\nContent-Length: ${20 * MIB}\r\n\r\n`);
  const chunk = Buffer.alloc(65_536);
  let sent = 0;
  const more = (): void => {
    while (sent < 20 * MIB && !socket.destroyed) {
      sent += chunk.length;
      if (!socket.write(chunk)) return void socket.once('drain', more);
    }
  };
  more();
  const text = await client.until(/too much/);
  client.destroy();
  return text;
}

for (const transport of TRANSPORTS) {
  describe(`forward() with a response to half an upload, transport ${transport}`, () => {
    for (const [what, head] of [
      ['of a client that keeps its connection', 'POST / HTTP/1.1'],
      ['of a client that closes afterwards', 'POST / HTTP/1.1\r\nConnection: close'],
      ['of an HTTP/1.0 client', 'POST / HTTP/1.0'],
    ] as const) {
      for (const [framing, response] of [
        ['with a length', 'HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much'],
        [
          'in chunks',
          'HTTP/1.1 401 No\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntoo much\r\n0\r\n\r\n',
        ],
        ['that its close ends', 'HTTP/1.1 413 Too Large\r\n\r\ntoo much'],
      ] as const) {
        it(`passes the response on that refuses the upload ${what}, ${framing}`, async () => {
          const upstream = await startRawUpstream(refusing(response));
          const proxy = await startForward({ target: upstream.url, transport });
          for (let i = 0; i < 5; i++) {
            expect(await upload(proxy.port, head)).to.match(/^HTTP\/1\.1 4(13|01) /);
          }
        });
      }
    }

    it('lets a client that sends on before it looks read the response', async () => {
      const upstream = await startRawUpstream(
        refusing('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much'),
      );
      const proxy = await startForward({ target: upstream.url, transport });
      const head = 'POST / HTTP/1.1\r\nConnection: close';
      expect(await upload(proxy.port, head, 200)).to.match(/^HTTP\/1\.1 413 /);
      await until(() => proxy.connections.open === 0);
    });

    it('passes it on from a target that is called by https', async () => {
      const upstream = await startUpstream(
        (_req, res) => {
          res.writeHead(413, { connection: 'close', 'content-length': 8 });
          res.end('too much');
        },
        { tls: credentials(), readBody: false },
      );
      const proxy = await startForward({ target: upstream.url, transport, secure: false });
      for (let i = 0; i < 5; i++) {
        expect(await upload(proxy.port, 'POST / HTTP/1.1')).to.match(/^HTTP\/1\.1 413 /);
      }
    });

    it('counts no failure in a circuit', async () => {
      const upstream = await startRawUpstream(
        refusing('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much'),
      );
      const circuit = breaker({ name: 'a' });
      const proxy = await startForward({ target: upstream.url, transport }, circuit);
      for (let i = 0; i < 5; i++) await upload(proxy.port, 'POST / HTTP/1.1');
      expect(circuit.circuit().snapshot()).to.include({ state: 'CLOSED', failures: 0 });
    });
  });
}
