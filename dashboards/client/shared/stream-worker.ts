// One stream for all pages of a browser: over HTTP/1.1 it opens six connections to a server at most, and with a stream
// for each page the seventh would hang.
import type { Selections, StreamNews, StreamRequest } from './stream-messages.js';

type News = { kind: 'event'; name: string; text: string } | { kind: 'connecting' | 'failed' };

interface Follower {
  readonly query: string;
  readonly turn: number;
  /** Of the events that are its own; empty until the server has named them. */
  ids: readonly string[];
}

/** Pages come and change what they show in bursts. */
const SETTLE_MS = 20;
/** Servers take addresses of 8 KB and more. Pages for which there is no room poll. */
const MAX_ADDRESS = 6000;

const followers = new Map<MessagePort, Follower>();
const names = new Set<string>();
/** The latest event of each id. */
const latest = new Map<string, { readonly name: string; readonly text: string }>();
let address = '';
let events: EventSource | undefined;
/** What the stream that is open brings. */
let queries: readonly string[] = [];
let settling: ReturnType<typeof setTimeout> | undefined;
let errors = 0;

function tell(port: MessagePort, { turn }: Follower, news: News): void {
  port.postMessage({ ...news, turn } satisfies StreamNews);
}

/** The page polls from now on, and comes again later. */
function refuse(port: MessagePort, follower: Follower): void {
  followers.delete(port);
  tell(port, follower, { kind: 'failed' });
}

function take(port: MessagePort, request: StreamRequest): void {
  followers.delete(port);
  if (request.query !== undefined) {
    address = request.address;
    for (const name of request.names) names.add(name);
    const other = [...followers.values()].find(({ query, ids }) => query === request.query && ids.length > 0);
    const { query, turn } = request;
    const follower = { query, turn, ids: other?.ids ?? [] };
    followers.set(port, follower);
    for (const id of follower.ids) {
      const event = latest.get(id);
      if (event) tell(port, follower, { kind: 'event', ...event });
    }
  }
  clearTimeout(settling);
  settling = setTimeout(settle, SETTLE_MS);
}

/** Opens another stream if the pages follow something else than the one that is open. */
function settle(): void {
  const wanted = new Set<string>();
  for (const [port, follower] of followers) {
    if (addressOf([...wanted, follower.query]).length > MAX_ADDRESS) refuse(port, follower);
    else wanted.add(follower.query);
  }
  const sorted = [...wanted].sort();
  if (events && sorted.join('\n') === queries.join('\n')) return;
  close();
  if (sorted.length > 0) open(sorted);
}

function addressOf(wanted: readonly string[]): string {
  return `${address}?${new URLSearchParams([...new Set(wanted)].map((query) => ['of', query]))}`;
}

function close(): void {
  events?.close();
  events = undefined;
  latest.clear();
}

function open(wanted: readonly string[]): void {
  queries = wanted;
  errors = 0;
  const stream = new EventSource(addressOf(wanted));
  events = stream;
  stream.addEventListener('selections', ({ data }: MessageEvent<string>) => {
    errors = 0;
    // The contract says what the server sends under this name.
    assign(wanted, JSON.parse(data) as Selections);
  });
  for (const name of ['problem', ...names]) {
    stream.addEventListener(name, ({ data: text, lastEventId: id }: MessageEvent<string>) => {
      latest.set(id, { name, text });
      for (const [port, follower] of followers) {
        if (follower.ids.includes(id)) tell(port, follower, { kind: 'event', name, text });
      }
    });
  }
  stream.addEventListener('error', () => {
    if (stream.readyState === EventSource.CLOSED || ++errors > 1) return fail();
    for (const [port, follower] of followers) tell(port, follower, { kind: 'connecting' });
  });
}

/** Whose events are whose. A page whose selection is refused asks by itself, and is told why. */
function assign(wanted: readonly string[], selections: Selections): void {
  for (const [port, follower] of followers) {
    const ids = selections[wanted.indexOf(follower.query)];
    if (ids) follower.ids = ids;
    else if (ids === null) refuse(port, follower);
  }
  // Where a page comes again that was refused, another stream is opened.
  queries = wanted.filter((_, i) => selections[i] !== null);
}

function fail(): void {
  close();
  for (const [port, follower] of followers) refuse(port, follower);
}

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  port?.addEventListener('message', ({ data }: MessageEvent<StreamRequest>) => take(port, data));
  port?.start();
});
