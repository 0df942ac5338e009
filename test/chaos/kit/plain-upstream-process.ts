// The process of a plain upstream: it notes nothing.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const body = JSON.stringify({ text: 'x'.repeat(200) });

const server = createServer((req, res) => {
  req.resume();
  const [, status = '200'] = /\/status\/(\d+)/.exec(req.url ?? '') ?? [];
  res.writeHead(Number(status), { 'content-type': 'application/json', 'content-length': body.length });
  res.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
// It ends with the suite.
process.once('disconnect', () => process.exit());
