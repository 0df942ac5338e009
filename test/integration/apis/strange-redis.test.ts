import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { type RawConnection, startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

/** Replies so to each chunk of commands. */
const replies = (bytes: string) => (connection: RawConnection) =>
  void connection.socket.on('data', () => connection.write(bytes));

/** What is at the address of the Redis. */
const STRANGE: readonly [what: string, speak: (connection: RawConnection) => unknown][] = [
  ['responds as a web server', replies('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')],
  ['speaks first', (connection) => connection.write('220 mail.example ESMTP\r\n')],
  ['replies to what nobody asked', (connection) => connection.write('+OK\r\n:1\r\n$-1\r\n')],
  ['sends bytes', replies('\x00\xff\xfe\r\n\x16\x03\x01')],
  ['replies with more than it was asked', replies('+OK\r\n'.repeat(50))],
  ['replies with numbers', replies(':5\r\n')],
  ['replies with nested lists', replies('*1\r\n'.repeat(2000))],
  ['announces a huge list', replies('*2147483647\r\n')],
  ['announces a huge string', replies('$2147483647\r\nabc')],
  ['sends a length that is none', replies('$abc\r\n\r\n')],
  ['replies with errors', replies('-WRONG of you\r\n')],
  [
    'resets its connections in the middle of a reply',
    (connection) =>
      connection.socket.on('data', () => {
        connection.write('$100\r\nabc');
        setImmediate(() => connection.reset());
      }),
  ],
  [
    'closes its connections in the middle of a reply',
    (connection) => connection.socket.on('data', () => connection.end('*2\r\n$100\r\nabc')),
  ],
];

// What ends the process fails the test: mocha hears of what nobody catches.
describe('resilientProxy() with something else in the place of Redis', () => {
  for (const [what, speak] of STRANGE) {
    it(`serves calls while it ${what}`, async () => {
      const redis = await startRawUpstream(speak);
      const { url: target } = await startUpstream(text('sunny'));
      const proxy = resilientProxy({
        redis: `redis://127.0.0.1:${redis.port}`,
        name: 'x',
        target,
        cache: { ttlMs: 1 },
        rateLimit: { limit: 100 },
        stats: {},
      });
      onCleanup(() => proxy.close());
      const { url } = await serve(proxy);
      // Again and again, since it connects again and again.
      for (let i = 0; i < 5; i++) {
        const connections = redis.received.length;
        const response = await call(`${url}/${i}`);
        expect([response.status, response.text]).to.deep.equal([200, 'sunny']);
        if (i < 2) await until(() => redis.received.length > Math.min(connections, 1));
      }
    });
  }
});
