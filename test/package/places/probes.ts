import { once } from 'node:events';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import { onCleanup } from '../../support/cleanup.js';
import { within } from '../../support/until.js';
import type { CalledApi } from './api.js';
import { type Client, whole } from './client.js';
import { WORKS, type Work } from './places.js';

/** Where a program of a place is, and the API that it calls. */
export interface Tried {
  readonly client: Client;
  /** Of its WebSockets, without a path. */
  readonly socketUrl: string;
  /** Authority of its certificate, if it has one. */
  readonly ca?: string | undefined;
  readonly api: CalledApi;
}

const BODY = JSON.stringify({ padding: 'x'.repeat(20_000), list: [1.0, '\u00e9'] });
const AS_JSON = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(BODY)) };
/** Until then what works has begun; what does not, never does. */
const SOON_MS = 3000;

const PROBES: Readonly<Record<Work, (tried: Tried) => Promise<void>>> = {
  async calls({ client }) {
    const got = await whole(client('/api/demo/items?a=1&b=%2F'));
    expect([got.status, got.headers['x-api'], JSON.parse(got.text)]).to.deep.equal([
      201,
      'demo',
      { method: 'GET', url: '/items?a=1&b=%2F', body: '' },
    ]);
    const posted = await whole(client('/api/demo/items', { method: 'POST', headers: AS_JSON, body: BODY }));
    expect([posted.status, JSON.parse(posted.text)]).to.deep.equal([
      201,
      { method: 'POST', url: '/items', body: BODY },
    ]);
    const unknown = await whole(client('/api/other'));
    expect([unknown.status, JSON.parse(unknown.text).error]).to.deep.equal([
      404,
      'Unknown API: other. The path must begin with the name of one: demo',
    ]);
    const own = await whole(client('/hello'));
    expect([own.status, own.text]).to.satisfy(
      ([status, text]: [number, string]) => status === 200 && text.includes('hello'),
    );
  },

  async streams({ client, api }) {
    const { body, leave } = await client('/api/demo/stream');
    const [first] = await once(body, 'data');
    expect(String(first)).to.equal('data: first\n\n');
    const upstream = await api.streaming;
    const left = once(upstream, 'close');
    leave();
    await left;
  },

  async pages({ client }) {
    const page = await whole(client('/stats/'));
    expect([page.status, page.headers['content-type']]).to.deep.equal([200, 'text/html; charset=utf-8']);
    const script = /<script[^>]* src="([^"]+)"/.exec(page.text)?.[1] ?? 'none';
    const asset = await whole(client(`/stats/${script}`));
    expect([asset.status, asset.headers['content-type']]).to.deep.equal([
      200,
      'text/javascript; charset=utf-8',
    ]);
    const { status, headers } = await whole(client('/stats'));
    expect([status, headers.location]).to.deep.equal([302, './stats/']);
    const streamed = await client('/stats/events');
    expect(streamed.headers['content-type'] ?? '').to.match(/^text\/event-stream/);
    streamed.leave();
  },

  async WebSockets({ socketUrl, ca }) {
    const socket = new WebSocket(`${socketUrl}/api/demo/chat`, { ca });
    onCleanup(() => socket.terminate());
    await once(socket, 'open');
    socket.send('hello');
    expect(String((await once(socket, 'message'))[0])).to.equal('hello');
  },
};

/** What works of all that might. @returns with the faults of what does not */
export async function probe(tried: Tried): Promise<{ works: Work[]; faults: string[] }> {
  const works: Work[] = [];
  const faults: string[] = [];
  for (const work of WORKS) {
    try {
      await within(PROBES[work](tried), work, SOON_MS);
      works.push(work);
    } catch (error) {
      faults.push(`${work}: ${String(error)}`);
    }
  }
  return { works, faults };
}
