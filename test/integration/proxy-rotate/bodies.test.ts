import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { ProxyRotateOptions } from '../../../lib/proxy-rotate/proxy-rotate-options.js';
import { begin, call } from '../../support/client.js';
import { startForwardProxy } from '../../support/forward-proxy.js';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rotating } from '../../support/rotating.js';
import { startUpstream, type UpstreamResponse } from '../../support/upstream.js';

const CAPTCHA = '<html><title>Are you human?</title><div id="Captcha-box"></div></html>';

for (const transport of TRANSPORTS) {
  describe(`proxyRotate() with bans that the body tells, transport ${transport}`, () => {
    /** What the first proxy gets, and what the second. */
    async function start(
      banned: UpstreamResponse,
      banWhen: ProxyRotateOptions['banWhen'],
      passed: UpstreamResponse = (_req, res) =>
        void res.writeHead(200, { 'content-type': 'text/html' }).end('<p>sunny'),
    ) {
      const first = await startForwardProxy();
      const second = await startForwardProxy({ from: '127.0.0.3' });
      const target = await startUpstream((req, res) =>
        (String(req.socket.remoteAddress).endsWith('.2') ? banned : passed)(req, res),
      );
      const tested = rotating({ proxies: [first.url, second.url], banWhen });
      const { url } = await startForward({ target: target.url, transport }, tested.rotate);
      return { url, target, ...tested };
    }

    const page =
      (body: string | Buffer, headers: Record<string, string> = {}): UpstreamResponse =>
      (_req, res) =>
        void res.writeHead(200, { 'content-type': 'text/html', ...headers }).end(body);
    const json = { 'content-type': 'application/json' };
    const BANS: [what: string, banned: UpstreamResponse, rule: ProxyRotateOptions['banWhen']][] = [
      ['text of a page', page(CAPTCHA), { text: ['nothing', 'captcha-box'] }],
      [
        'text of a compressed page',
        page(gzipSync(CAPTCHA), { 'content-encoding': 'gzip' }),
        { text: ['captcha-box'] },
      ],
      [
        'text at the begin of a long page',
        page(`${CAPTCHA}${'x'.repeat(500_000)}`),
        { text: ['captcha-box'] },
      ],
      ['JSON', page('{"error":{"code":"blocked"}}', json), { json: '/error/code', equals: 'blocked' }],
      ['JSON that says anything', page('{"blocked":true}', json), { json: '/blocked' }],
      [
        'a function',
        page('no results'),
        { body: (text, head) => head.status === 200 && text.startsWith('no results') },
      ],
    ];
    for (const [what, banned, rule] of BANS) {
      it(`goes through another proxy after a 200 whose ${what} tells of a ban`, async () => {
        const { url, events, rotate } = await start(banned, rule);
        for (let i = 0; i < 3; i++) expect((await call(url)).text).to.equal('<p>sunny');
        expect(events).to.have.length(1);
        expect(events[0]).to.match(/a ban by /);
        expect(rotate.status().map((proxy) => proxy.active)).to.deep.equal([0, 0]);
      });
    }

    it('passes on a page that every proxy gets, byte by byte', async () => {
      const body = `${CAPTCHA}${'y'.repeat(300_000)}`;
      const { url, events } = await start(page(body), { text: ['captcha-box'] }, page(body));
      expect((await call(url)).text).to.equal(body);
      expect(events).to.deep.equal([]);
    });

    for (const size of [0, 1, 65_536, 65_537, 3_000_000]) {
      it(`passes on a body of ${size} bytes that is no ban, with its trailers`, async () => {
        const body = 'z'.repeat(size);
        const passed: UpstreamResponse = ({ method }, res) => {
          if (method === 'HEAD') return void res.end();
          res.writeHead(200, {
            'content-type': 'text/plain',
            trailer: 'x-sum',
            'transfer-encoding': 'chunked',
          });
          res.write(body);
          res.addTrailers({ 'x-sum': '7' });
          res.end();
        };
        const { url } = await start(passed, { text: ['captcha-box'] }, passed);
        for (const method of ['GET', 'HEAD', 'POST']) {
          const response = await call(url, { method });
          expect(response.status).to.equal(200);
          expect(response.text === (method === 'HEAD' ? '' : body)).to.equal(true);
          expect(response.rawTrailers).to.deep.equal(method === 'HEAD' ? [] : ['x-sum', '7']);
        }
      });
    }

    it('holds back neither streams nor what is no text', async () => {
      const types = ['text/event-stream', 'application/octet-stream', 'image/png'];
      const endless: UpstreamResponse = (req, res) =>
        void res.writeHead(200, { 'content-type': types[Number(req.url?.slice(1))] }).write('captcha-box');
      const { url } = await start(endless, { text: ['captcha-box'] }, endless);
      for (let i = 0; i < types.length; i++) {
        const req = begin(`${url}/${i}`);
        const seen = await new Promise((resolve) =>
          req.once('response', (res) => res.once('data', (chunk) => resolve(String(chunk)))),
        );
        expect(seen).to.equal('captcha-box');
        req.destroy();
      }
    });

    it('fails a call whose body broke off while it was held back, with nothing sent', async () => {
      const broken: UpstreamResponse = (_req, res) => {
        res.writeHead(200, { 'content-type': 'text/html', 'content-length': 100 }).write('half');
        setTimeout(() => res.destroy(), 20);
      };
      const { url } = await start(broken, { text: ['captcha-box'] });
      expect((await call(url)).json()).to.have.property('code', 'ERR_UPSTREAM_RESET');
      expect((await call(url)).text).to.equal('<p>sunny');
    });
  });
}
