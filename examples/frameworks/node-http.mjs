// Node's own server. It removes no path, so each handler is told its own: `mount`.
import { createServer } from 'node:http';
import { resilientProxy, statsDashboard } from 'resilient-proxy-out';

const proxy = resilientProxy({
  mount: '/api',
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats, { mount: '/stats' });

const server = createServer((req, res) => {
  proxy(req, res, () => stats(req, res, () => res.end('hello')));
});
server.on('upgrade', proxy.upgrade);

server.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
process.once('SIGTERM', () => {
  void proxy.closeSockets(1000);
  stats.close();
  server.close(() => proxy.close());
});
