import { expect } from 'chai';
import { call } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { startProxyProgram } from '../../support/proxy-program.js';
import { rotating } from '../../support/rotating.js';
import { credentials } from '../../support/tls.js';
import { json, startUpstream } from '../../support/upstream.js';

/** Runs the program tinyproxy, which requires `user:secret7`, until the end of the test. */
async function startTinyproxy(): Promise<number> {
  const port = await unusedPort();
  await startProxyProgram({
    name: 'tinyproxy',
    configuration: [
      `Port ${port}`,
      'Listen 127.0.0.1',
      'Allow 127.0.0.1',
      'BasicAuth user secret7',
      'MaxClients 50',
    ],
    args: (file) => ['-d', '-c', file],
    ready: 'Accepting connections',
  });
  return port;
}

for (const transport of TRANSPORTS) {
  describe(`proxyRotate() through tinyproxy, transport ${transport}`, () => {
    for (const scheme of ['http', 'https']) {
      it(`reaches an ${scheme} target with credentials, which the target does not see`, async () => {
        const target = await startUpstream(
          json({ ok: true }),
          scheme === 'https' ? { tls: credentials() } : {},
        );
        const port = await startTinyproxy();
        for (const tunnel of [true, false]) {
          const { rotate } = rotating({ proxies: [`http://user:secret7@127.0.0.1:${port}`], tunnel });
          const { url } = await startForward({ target: target.url, transport, secure: false }, rotate);
          for (let i = 0; i < 3; i++) expect((await call(url)).json()).to.deep.equal({ ok: true });
          // It closes each connection without having said so: an attempt may meet the close, and is made again.
          const [status] = rotate.status();
          expect(status).to.include({ state: 'ok' });
          expect(status?.attempts).to.be.within(3, 6);
        }
        const headers = target.requests.map((request) => request.rawHeaders.join('\n')).join('\n');
        expect(headers).to.not.match(/proxy-auth|secret7/i);
      });
    }

    it('finds out that the credentials are wrong', async () => {
      const target = await startUpstream(json({}));
      const port = await startTinyproxy();
      const { rotate, events } = rotating({ proxies: [`http://user:wrong@127.0.0.1:${port}`] });
      const { url } = await startForward({ target: target.url, transport }, rotate);
      const response = await call(url);
      expect([response.status, response.text.includes('wrong')]).to.deep.equal([503, false]);
      expect(events[0]).to.match(/status 40[17]/);
      expect(target.requests).to.deep.equal([]);
    });
  });
}
