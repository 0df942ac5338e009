import { expect } from 'chai';
import { call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { setProxyVariables } from '../../support/proxy-variables.js';
import { rotating } from '../../support/rotating.js';
import { credentials } from '../../support/tls.js';
import { startUpstream, text } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`proxyRotate({ env: true }), transport ${transport}`, () => {
    it('sends calls by the variable of their scheme', async () => {
      const [forHttp, forHttps] = await Promise.all([startForwardProxy(), startForwardProxy()]);
      const plain = await startUpstream(text('plain'));
      const secure = await startUpstream(text('secure'), { tls: credentials() });
      setProxyVariables({ http_proxy: forHttp.url, HTTPS_PROXY: forHttps.url });
      for (const [target, body] of [
        [plain.url, 'plain'],
        [secure.url, 'secure'],
      ] as const) {
        const { rotate } = rotating({ env: true });
        const { url } = await startForward({ target, transport, ca: credentials().ca }, rotate);
        for (let i = 0; i < 2; i++) expect((await call(url)).text).to.equal(body);
      }
      expect(forHttp.connects.map(({ url }) => url)).to.deep.equal([new URL(plain.url).host]);
      expect(forHttps.connects.map(({ url }) => url)).to.deep.equal([new URL(secure.url).host]);
    });

    it('calls directly what NO_PROXY lists, and refuses what no variable is for', async () => {
      const proxy = await startForwardProxy();
      const target = await startUpstream(text('plain'));
      setProxyVariables({ https_proxy: proxy.url, no_proxy: '127.0.0.0/8' });
      const listed = await startForward({ target: target.url, transport }, rotating({ env: true }).rotate);
      expect((await call(listed.url)).text).to.equal('plain');
      setProxyVariables({ https_proxy: proxy.url });
      const other = await startForward({ target: target.url, transport }, rotating({ env: true }).rotate);
      const missing = {
        error: 'No egress proxy is configured for http targets; set HTTP_PROXY or ALL_PROXY',
        code: 'ERR_NO_PROXY',
      };
      expect((await call(other.url)).json()).to.deep.equal(missing);
      setProxyVariables({});
      const none = await startForward({ target: target.url, transport }, rotating({ env: true }).rotate);
      expect((await call(none.url)).json()).to.deep.equal(missing);
      const { rotate } = rotating({ env: true, fallback: 'direct' });
      const direct = await startForward({ target: target.url, transport }, rotate);
      expect((await call(direct.url)).text).to.equal('plain');
      expect(proxy.connects).to.deep.equal([]);
    });
  });
}
