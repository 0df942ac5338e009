// Hono on Node. The proxy writes to Node's own response, which is what RESPONSE_ALREADY_SENT says.
import { serve } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { resilientProxy, statsDashboard } from 'resilient-proxy-out';

const proxy = resilientProxy({
  mount: '/api',
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats, { mount: '/stats' });

/** A handler of Hono's for one of Node's. */
const node = (handler) => (c) => {
  handler(c.env.incoming, c.env.outgoing);
  return RESPONSE_ALREADY_SENT;
};

const app = new Hono();
app.all('/api/*', node(proxy));
app.all('/stats/*', node(stats));
app.get('/hello', (c) => c.text('hello'));

const port = Number(process.env.PORT ?? 3000);
const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, (info) => {
  process.stdout.write(`http://127.0.0.1:${info.port}\n`);
});
server.on('upgrade', proxy.upgrade);
process.once('SIGTERM', () => {
  void proxy.closeSockets(1000);
  stats.close();
  server.close(() => proxy.close());
});
