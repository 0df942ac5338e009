import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { forward } from '../../../lib/upstream/forward.js';
import { call } from '../../support/client.js';
import { startForward } from '../../support/forwarding.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';

/** A server that records its requests, and redirects `/away` to the given URL and `/back` to a path of its own. */
async function startRedirecting(to: () => string): Promise<Upstream & { received: IncomingMessage[] }> {
  const received: IncomingMessage[] = [];
  const upstream = await startUpstream((req, res) => {
    received.push(req);
    if (req.url === '/away') res.writeHead(302, { location: `${to()}/file` }).end();
    else if (req.url === '/file' && to() === '') res.writeHead(302, { location: '/here' }).end();
    else res.end('the file');
  });
  return Object.assign(upstream, { received });
}

describe('forward({ followRedirects, redirectOrigins })', () => {
  const SECRET = ['authorization', 'x-api-key', 'cookie', 'x-injected', 'x-goog-api-key', 'private-token'];
  const headers = {
    Authorization: 'Bearer of-the-client',
    'X-Api-Key': 'of-the-client',
    Cookie: 'a=1',
    'X-Goog-Api-Key': 'secret',
    'Private-Token': 'secret',
    Accept: 'text/plain',
  };

  for (const chosen of ['list', '*'] as const) {
    it(`follows to another origin if ${chosen} allows it, and removes every secret`, async () => {
      const files = await startRedirecting(() => '');
      const api = await startRedirecting(() => files.url);
      const redirectOrigins = chosen === '*' ? chosen : [`${files.url}/`];
      const options = {
        target: api.url,
        followRedirects: true,
        redirectOrigins,
        headers: { 'X-Injected': 'secret' },
      };
      const { url } = await startForward(options);
      const { status, text } = await call(`${url}/away`, { headers });
      expect([status, text]).to.deep.equal([200, 'the file']);
      expect(api.received[0]?.headers).to.include({
        'x-injected': 'secret',
        authorization: 'Bearer of-the-client',
      });
      // The second is a redirect within the other origin.
      expect(files.received.map((req) => req.url)).to.deep.equal(['/file', '/here']);
      for (const { headers } of files.received) {
        expect(headers).to.include({ accept: 'text/plain', host: new URL(files.url).host });
        expect(headers).to.not.have.any.keys(...SECRET);
      }
    });
  }

  it('passes a redirect to any other origin to the client', async () => {
    const files = await startRedirecting(() => '');
    const api = await startRedirecting(() => files.url);
    const others = [undefined, [], ['https://files.example.com'], [files.url.replace('http:', 'https:')]];
    for (const redirectOrigins of others) {
      const options = {
        target: api.url,
        followRedirects: true,
        ...(redirectOrigins ? { redirectOrigins } : {}),
      };
      const { url } = await startForward(options);
      const { status, headers } = await call(`${url}/away`);
      expect([status, headers.location]).to.deep.equal([302, `${files.url}/file`]);
    }
    expect(files.received).to.deep.equal([]);
  });

  it('refuses a value that is not an origin, and the list without followRedirects', () => {
    const target = 'http://127.0.0.1:9';
    const refused = (options: object) => expect(() => forward({ target, ...options }));
    refused({ followRedirects: true, redirectOrigins: ['files.example.com'] }).to.throw(
      'forward.redirectOrigins',
    );
    refused({ followRedirects: true, redirectOrigins: ['https://files.example.com/path'] }).to.throw(
      'forward.redirectOrigins',
    );
    refused({ redirectOrigins: '*' }).to.throw(
      'forward.redirectOrigins has no effect without followRedirects; received "*"',
    );
  });
});
