import { expect } from 'chai';
import { leadingBack } from '../../../../lib/upstream/response/references.js';
import type { Plan } from '../../../../lib/upstream/transport.js';

/** A call below /api that goes to a base path of its target. */
function planOf(path: string): Plan {
  const exchange = { req: { url: path, headers: {}, socket: {} }, mount: '/api', originalUrl: path };
  const target = { basePath: '/v2', origin: 'http://a', host: 'a' };
  return { exchange, target, path: `/v2${path}`, proxyOptions: {}, rawHeaders: [] } as unknown as Plan;
}

describe('leadingBack()', () => {
  it('leaves what a link says in quotes, to the end of the header where they have none', () => {
    const plan = planOf('/x');
    const through = (value: string) => leadingBack('link', value, plan);
    expect(through('</v2/a>; title="</v2/b>", </v2/c>')).to.equal('</api/a>; title="</v2/b>", </api/c>');
    expect(through('</v2/a>; title="\\"</v2/b>", </v2/c>')).to.equal(
      '</api/a>; title="\\"</v2/b>", </api/c>',
    );
    expect(through('</v2/a>; title="</v2/b>')).to.equal('</api/a>; title="</v2/b>');
    expect(through('</v2/a>; title="</v2/b>\\')).to.equal('</api/a>; title="</v2/b>\\');
  });

  it('reads once what a target or a client makes long', () => {
    // Each would take minutes if it were read anew from each of its characters.
    const quotes = `</v2/a>; title="${'\\"'.repeat(200_000)}`;
    expect(leadingBack('link', quotes, planOf('/x')).slice(0, 20)).to.equal('</api/a>; title="\\"\\');
    const slashes = `/${'/'.repeat(400_000)}x`;
    expect(leadingBack('location', '/v2/a', planOf(slashes))).to.equal('/api/a');
  });
});
