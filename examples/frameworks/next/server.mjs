// A custom server for Next.js: what is not below the proxy's path is left to Next.js.
import { createServer } from 'node:http';
import next from 'next';
import { resilientProxy, statsDashboard } from 'resilient-proxy-out';

const proxy = resilientProxy({
  mount: '/api',
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats, { mount: '/stats' });

const app = next({ dev: process.env.NODE_ENV !== 'production' });
await app.prepare();
const pages = app.getRequestHandler();

const server = createServer((req, res) => {
  proxy(req, res, () => stats(req, res, () => pages(req, res)));
});
server.on('upgrade', proxy.upgrade);

server.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
process.once('SIGTERM', () => {
  void proxy.closeSockets(1000);
  stats.close();
  server.close(async () => {
    await app.close();
    await proxy.close();
  });
});
