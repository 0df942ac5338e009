import { join } from 'node:path';
import { expect } from 'chai';
import { breaker } from '../../../lib/breaker/breaker.js';
import { call } from '../../support/client.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { unusedPort } from '../../support/listening.js';
import { startProxyProgram } from '../../support/proxy-program.js';
import { rotating } from '../../support/rotating.js';
import { startSocksProxy } from '../../support/socks-proxy.js';
import { credentials } from '../../support/tls.js';
import { startUpstream, text } from '../../support/upstream.js';

/** Runs the program danted, until the end of the test. */
async function startDante(): Promise<number> {
  const port = await unusedPort();
  const pass = 'pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }';
  await startProxyProgram({
    name: 'danted',
    configuration: [
      'logoutput: stderr',
      `internal: 127.0.0.1 port = ${port}`,
      'external: 127.0.0.1',
      'clientmethod: none',
      'socksmethod: none',
      `client ${pass}`,
      `socks ${pass}`,
    ],
    args: (file, folder) => ['-f', file, '-p', join(folder, 'pid')],
    ready: 'running',
  });
  return port;
}

for (const transport of TRANSPORTS) {
  describe(`proxyRotate() through SOCKS proxies, transport ${transport}`, () => {
    async function start(target: string, proxies: string[]) {
      const tested = rotating({ connectTimeoutMs: 500, proxies });
      const guard = breaker({ failureThreshold: 1 });
      const { url } = await startForward({ target, transport, ca: credentials().ca }, guard, tested.rotate);
      return { url, guard, ...tested };
    }

    for (const scheme of ['http', 'https']) {
      it(`reaches an ${scheme} target by every version of SOCKS, with credentials`, async () => {
        const { port } = await startUpstream(text('sunny'), scheme === 'https' ? { tls: credentials() } : {});
        for (const [version, login, seen] of [
          ['socks5h', 'us%3Aer:secret7', '5 localhost'],
          ['socks', '', '5 localhost'],
          ['socks5', 'user:secret7', '5 127.0.0.1'],
          ['socks4a', 'user', '4 localhost'],
          ['socks4', '', '4 127.0.0.1'],
        ] as const) {
          const required = login === '' ? {} : { credentials: decodeURIComponent(login) };
          const proxy = await startSocksProxy(required);
          const host = version === 'socks5' ? '127.0.0.1' : 'localhost';
          const { url, rotate } = await start(`${scheme}://${host}:${port}`, [
            `${version}://${login}@127.0.0.1:${proxy.port}`,
          ]);
          for (let i = 0; i < 2; i++) expect((await call(url)).text, version).to.equal('sunny');
          expect(proxy.requests).to.deep.equal([`${seen}:${port}`]);
          const [status] = rotate.status();
          expect(status).to.include({ name: proxy.name, address: `${version}://${proxy.name}`, state: 'ok' });
        }
      });
    }

    it('goes through a proxy at an IPv6 address', async () => {
      const target = await startUpstream(text('sunny'));
      const { port } = await startSocksProxy();
      const { url } = await start(target.url, [`socks5h://[::ffff:127.0.0.1]:${port}`]);
      expect((await call(url)).text).to.equal('sunny');
    });

    it('checks the certificate of a target at an IP address', async () => {
      const right = await startUpstream(text('right'), { tls: credentials() });
      const proxy = await startSocksProxy();
      const { url } = await start(right.url, [`socks5h://127.0.0.1:${proxy.port}`]);
      expect((await call(url)).text).to.equal('right');
      const wrong = await startUpstream(text('wrong'), { tls: credentials('DNS:localhost') });
      const tested = rotating({ proxies: [`socks5h://localhost:${proxy.port}`] });
      const served = await startForward(
        { target: wrong.url, transport, ca: credentials('DNS:localhost').ca },
        tested.rotate,
      );
      expect((await call(served.url)).json()).to.have.property('code', 'ERR_UPSTREAM_TLS');
      expect(wrong.requests).to.deep.equal([]);
    });

    it('moves on from one that fails, and takes what all say for the failure of the target', async () => {
      const target = await startUpstream(text('sunny'));
      const good = await startSocksProxy();
      const goodUrl = `socks5h://127.0.0.1:${good.port}`;
      for (const [what, url] of [
        ['ECONNREFUSED', `socks5h://127.0.0.1:${await unusedPort()}`],
        [
          'Authentication failed',
          `socks5h://a:b@127.0.0.1:${(await startSocksProxy({ credentials: 'a:c' })).port}`,
        ],
        ['HostUnreachable', `socks5h://127.0.0.1:${(await startSocksProxy({ decide: () => 4 })).port}`],
        [
          'no connection in time',
          `socks5h://127.0.0.1:${(await startSocksProxy({ decide: () => undefined })).port}`,
        ],
      ] as const) {
        const tested = await start(target.url, [url, goodUrl]);
        for (let i = 0; i < 3; i++) expect((await call(tested.url)).text, what).to.equal('sunny');
        expect(tested.events.join('\n')).to.include(what).and.not.include('a:b');
        expect(tested.events).to.have.length(1);
        expect(tested.guard.state).to.equal('CLOSED');
      }
      const refusing = await startSocksProxy({ decide: () => 5 });
      const down = await start(target.url, [`socks5h://127.0.0.1:${refusing.port}`]);
      expect((await call(down.url)).json()).to.have.property('code', 'ERR_UPSTREAM_CONNECT');
      expect(down.guard.state).to.equal('OPEN');
      expect(down.events).to.deep.equal([]);
    });

    it('takes the name of a proxy that is not found for the failure of the proxy', async () => {
      for (const version of ['socks5h', 'socks4']) {
        const { url, guard, events } = await start('http://127.0.0.1:1', [`${version}://nowhere.invalid`]);
        expect((await call(url)).json()).to.have.property('code', 'ERR_NO_PROXY');
        expect(events.join('\n')).to.match(/ENOTFOUND|EAI_AGAIN/);
        expect(guard.state).to.equal('CLOSED');
      }
    });

    it('reaches a target through dante', async () => {
      const target = await startUpstream(text('sunny'), { tls: credentials() });
      const port = await startDante();
      for (const version of ['socks5h', 'socks5', 'socks4a', 'socks4']) {
        const { url } = await start(target.url, [`${version}://127.0.0.1:${port}`]);
        expect((await call(url)).text, version).to.equal('sunny');
      }
    });
  });
}
