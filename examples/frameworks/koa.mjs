// Koa with koa-connect. Koa removes no path, so each handler is told its own: `mount`.
import Koa from 'koa';
import connect from 'koa-connect';
import { resilientProxy, statsDashboard } from 'resilient-proxy-out';

const proxy = resilientProxy({
  mount: '/api',
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats, { mount: '/stats' });

const app = new Koa();
app.use(connect(proxy));
app.use(connect(stats));
app.use((ctx) => {
  if (ctx.path === '/hello') ctx.body = 'hello';
});

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
server.on('upgrade', proxy.upgrade);
process.once('SIGTERM', () => {
  void proxy.closeSockets(1000);
  stats.close();
  server.close(() => proxy.close());
});
