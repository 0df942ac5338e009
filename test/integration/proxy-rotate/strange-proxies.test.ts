import { expect } from 'chai';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { type RawConnection, startRawUpstream } from '../../support/raw-upstream.js';
import { rotating } from '../../support/rotating.js';
import { credentials } from '../../support/tls.js';
import { startUpstream, text } from '../../support/upstream.js';

const CONNECTED = 'HTTP/1.1 200 Connection established\r\n\r\n';
const GARBAGE = '\x00\xff<html>\r\n\r\n\x16\x03';

/** Speaks once the CONNECT has come. */
const asked = (speak: (connection: RawConnection) => void) => async (connection: RawConnection) => {
  await connection.heads();
  speak(connection);
};

const later = (write: () => void) => void setTimeout(write, 5);

const STRANGE: readonly [what: string, speak: (connection: RawConnection) => unknown][] = [
  ['sends garbage together with its response', asked((to) => to.write(CONNECTED + GARBAGE))],
  [
    'sends garbage behind its response',
    asked((to) => {
      to.write(CONNECTED);
      later(() => to.write(GARBAGE));
    }),
  ],
  [
    'sends garbage and closes the tunnel',
    asked((to) => {
      to.write(CONNECTED);
      later(() => to.end(GARBAGE));
    }),
  ],
  [
    'resets the tunnel',
    asked((to) => {
      to.write(CONNECTED);
      later(() => to.reset());
    }),
  ],
  [
    'resets behind half of a response',
    asked((to) => {
      to.write('HTTP/1.1 2');
      later(() => to.reset());
    }),
  ],
  ['sends bytes before it is asked', (to) => to.write(GARBAGE)],
  ['sends a status that does not exist', asked((to) => to.write('HTTP/1.1 000 \r\n\r\n'))],
  [
    'responds with a length that is none',
    asked((to) => to.write('HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n')),
  ],
  ['responds twice', asked((to) => to.write(CONNECTED + CONNECTED))],
];

// What ends the process fails the test: mocha hears of what nobody catches.
for (const transport of TRANSPORTS) {
  for (const scheme of ['http', 'https']) {
    describe(`proxyRotate() survives a proxy, ${scheme} target, transport ${transport}`, () => {
      for (const [what, speak] of STRANGE) {
        it(`that ${what}`, async () => {
          const target = await startUpstream(text('sunny'), scheme === 'https' ? { tls: credentials() } : {});
          const strange = await startRawUpstream(speak);
          const good = await startForwardProxy();
          const { rotate } = rotating({ proxies: [strange.url, good.url], connectTimeoutMs: 300 });
          const { url } = await startForward(
            { target: target.url, transport, secure: false, requestTimeoutMs: 300 },
            rotate,
          );
          const responses = [await call(url), await call(url), await call(url), await call(url)];
          expect(strange.received).to.not.have.length(0);
          for (const { status, text } of responses) {
            // Behind a tunnel it may as well be the target that speaks no HTTP, or is silent.
            if (status === 200) expect(text).to.equal('sunny');
            else expect(status).to.be.within(502, 504);
          }
          expect(responses.map(({ status }) => status)).to.include(200);
        });
      }
    });
  }
}
