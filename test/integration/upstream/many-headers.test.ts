import { expect } from 'chai';
import { startForward, TRANSPORTS } from '../../support/forwarding.js';
import { rawCall } from '../../support/raw-client.js';
import { rawResponse, startRawUpstream } from '../../support/raw-upstream.js';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const lines = (count: number) => 'X-A: a\r\n'.repeat(count);
const post = (count: number) =>
  `POST / HTTP/1.1\r\nHost: a\r\n${lines(count)}Connection: close\r\nContent-Length: 5\r\n\r\nhello`;

for (const transport of TRANSPORTS) {
  describe(`more headers than Node keeps, transport ${transport}`, () => {
    async function start(response: string, kept: number | undefined = undefined) {
      const upstream = await startRawUpstream(rawResponse(response));
      const proxy = await startForward({ target: upstream.url, transport });
      if (kept !== undefined) proxy.server.maxHeadersCount = kept;
      return { upstream, proxy };
    }

    for (const [what, count, kept] of [
      ['a thousand', 1000, undefined],
      ['two thousand', 2000, undefined],
      ['more than its server keeps', 50, 40],
      ['many more than its server keeps', 500, 40],
    ] as const) {
      it(`refuses a request that has ${what}, whose body would be lost`, async () => {
        const { upstream, proxy } = await start(OK, kept);
        // Newer ones of Node refuse it themselves, by 431.
        expect(await rawCall(proxy.port, post(count))).to.match(
          /^HTTP\/1\.1 (?:431 |400 [\s\S]*more headers than this server reads)/,
        );
        expect(upstream.connections.total).to.equal(0);
      });
    }

    for (const [what, count, kept] of [
      ['fewer', 990, undefined],
      ['many, where its server keeps all', 1500, 0],
    ] as const) {
      it(`passes a request on that has ${what}`, async () => {
        const { proxy } = await start(OK, kept);
        expect(await rawCall(proxy.port, post(count))).to.match(/^HTTP\/1\.1 200 /);
      });
    }

    it('passes all headers of a response on', async () => {
      const { proxy } = await start(
        `HTTP/1.1 200 OK\r\n${lines(1500)}Cache-Control: no-store\r\nContent-Length: 2\r\n\r\nok`,
      );
      const response = await rawCall(proxy.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      expect(response.match(/^x-a: a\r$/gim)).to.have.length(1500);
      expect(response)
        .to.match(/\r\ncache-control: no-store\r\n/i)
        .and.to.match(/\r\ncontent-length: 2\r\n/i);
    });
  });
}
