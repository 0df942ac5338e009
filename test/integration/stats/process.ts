import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stats } from '../../../lib/stats/stats.js';

const handler = stats(JSON.parse(process.argv[2] ?? '{}'));
const server = createServer((req, res) => {
  handler(req, res, () => res.writeHead(req.url === '/bad' ? 503 : 200).end('hello'));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('message', () => {
  server.close();
  server.closeAllConnections();
  void handler.close().then(() => process.disconnect());
});
