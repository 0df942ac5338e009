// Fastify with @fastify/middie, which removes the mount path of calls and runs before Fastify reads a body.
import middie from '@fastify/middie';
import fastify from 'fastify';
import { resilientProxy, statsDashboard, upgradeRoutes } from 'resilient-proxy-out';

const proxy = resilientProxy({
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats);

const app = fastify();
await app.register(middie);
app.use('/api', proxy);
app.use('/stats', stats);
app.get('/hello', () => 'hello');
app.server.on('upgrade', upgradeRoutes({ '/api': proxy.upgrade }));

process.stdout.write(`${await app.listen({ port: process.env.PORT ?? 3000, host: '127.0.0.1' })}\n`);
process.once('SIGTERM', async () => {
  void proxy.closeSockets(1000);
  stats.close();
  await app.close();
  await proxy.close();
});
