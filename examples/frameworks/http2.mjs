// HTTP/2 and HTTP/1.1 at one port, as Node's compatibility API serves them. Node has no WebSockets over HTTP/2 there;
// clients use HTTP/1.1 for them.
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { resilientProxy, statsDashboard } from 'resilient-proxy-out';

const proxy = resilientProxy({
  mount: '/api',
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats, { mount: '/stats' });

const server = createSecureServer(
  { allowHTTP1: true, key: readFileSync(process.env.TLS_KEY), cert: readFileSync(process.env.TLS_CERT) },
  (req, res) => proxy(req, res, () => stats(req, res, () => res.end('hello'))),
);
server.on('upgrade', proxy.upgrade);

// server.close() leaves connections of HTTP/2 open.
const sessions = new Set();
server.on('session', (session) => {
  sessions.add(session);
  session.once('close', () => sessions.delete(session));
});

server.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  process.stdout.write(`https://127.0.0.1:${server.address().port}\n`);
});
process.once('SIGTERM', () => {
  void proxy.closeSockets(1000);
  stats.close();
  for (const session of sessions) session.close();
  server.close(() => proxy.close());
});
