// The process of an upstream: notes what arrives, and behaves as it is told to.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { now } from './now.js';
import type { Arrival, UpstreamManner, UpstreamOrder, UpstreamReport } from './upstream.js';

let arrivals: Arrival[] = [];
let manner: UpstreamManner = {};
let body = Buffer.alloc(0);

const tell = (report: UpstreamReport): void => void process.send?.(report);

const server = createServer((req, res) => {
  arrivals.push({ at: now(), method: req.method ?? '', path: req.url ?? '' });
  req.resume();
  if (manner.mode === 'hang') return;
  const { url = '' } = req;
  const delayMs = ofPrefix(manner.delays, url) ?? manner.delayMs ?? 0;
  const status = manner.mode === 'unavailable' ? 503 : (ofPrefix(manner.statuses, url) ?? 200);
  if (delayMs === 0 && req.method === 'GET') respond(res, status);
  else req.once('end', () => setTimeout(respond, delayMs, res, status));
});
server.keepAliveTimeout = 60_000;
server.requestTimeout = 0;

const ofPrefix = <T>(values: Readonly<Record<string, T>> = {}, path: string): T | undefined =>
  Object.entries(values).find(([prefix]) => path.startsWith(prefix))?.[1];

function respond(res: ServerResponse, status: number): void {
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  res.end(body);
}

async function become(next: UpstreamManner): Promise<void> {
  const wasListening = server.listening;
  manner = next;
  body = Buffer.from(`"${'x'.repeat((next.bodyBytes ?? 200) - 2)}"`);
  if (next.mode === 'refuse' && wasListening) {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
  if (next.mode !== 'refuse' && !wasListening) await listen(port);
  tell({ type: 'became' });
}

const listen = (onPort: number): Promise<void> =>
  new Promise((resolve) => server.listen(onPort, '127.0.0.1', resolve));

await listen(0);
const { port } = server.address() as AddressInfo;
process.on('message', (order: UpstreamOrder) => {
  if (order.type === 'become') void become(order.manner);
  if (order.type === 'arrivals') {
    tell({ type: 'arrivals', arrivals });
    arrivals = [];
  }
});
// It ends with the suite.
process.once('disconnect', () => process.exit());
tell({ type: 'listens', port });
