// Fastify with a route. Fastify is not to read the bodies of calls, and is told that the proxy responds: `hijack()`.
import fastify from 'fastify';
import { resilientProxy, statsDashboard } from 'resilient-proxy-out';

const proxy = resilientProxy({
  mount: '/api',
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats, { mount: '/stats' });

/** A handler of Fastify's for one of Node's. */
const node = (handler) => (request, reply) => {
  reply.hijack();
  handler(request.raw, reply.raw);
};

const app = fastify();
app.register((calls, _options, done) => {
  calls.removeAllContentTypeParsers();
  calls.addContentTypeParser('*', (_request, _body, parsed) => parsed(null));
  calls.all('/api/*', node(proxy));
  done();
});
app.get('/stats', node(stats));
app.get('/stats/*', node(stats));
app.get('/hello', () => 'hello');
app.server.on('upgrade', proxy.upgrade);

process.stdout.write(`${await app.listen({ port: process.env.PORT ?? 3000, host: '127.0.0.1' })}\n`);
process.once('SIGTERM', async () => {
  void proxy.closeSockets(1000);
  stats.close();
  await app.close();
  await proxy.close();
});
