// Express 5 or 4 removes the mount path of calls itself; upgradeRoutes() does so for WebSockets.
import express from 'express';
import { resilientProxy, statsDashboard, upgradeRoutes } from 'resilient-proxy-out';

const proxy = resilientProxy({
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats);

const app = express();
app.use('/api', proxy);
app.use('/stats', stats);
app.get('/hello', (_req, res) => res.send('hello'));

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
server.on('upgrade', upgradeRoutes({ '/api': proxy.upgrade }));
process.once('SIGTERM', () => {
  void proxy.closeSockets(1000);
  stats.close();
  server.close(() => proxy.close());
});
