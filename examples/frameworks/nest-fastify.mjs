// Nest with Fastify, and the proxy as a middleware of a module, for a route with a path. Nest removes no path of such
// routes, so each handler is told its own: `mount`. In TypeScript the module is a class with the decorator @Module({}).
import 'reflect-metadata';
import { Module, RequestMethod } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { resilientProxy, statsDashboard } from 'resilient-proxy-out';

const proxy = resilientProxy({
  mount: '/api',
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats, { mount: '/stats' });

class AppModule {
  configure(consumer) {
    consumer.apply(proxy).forRoutes({ path: 'api/*path', method: RequestMethod.ALL });
    consumer.apply(stats).forRoutes({ path: 'stats', method: RequestMethod.ALL });
    consumer.apply(stats).forRoutes({ path: 'stats/*path', method: RequestMethod.ALL });
    consumer.apply((_req, res) => res.end('hello')).forRoutes('hello');
  }
}
Module({})(AppModule);

const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: ['warn', 'error'] });
app.getHttpServer().on('upgrade', proxy.upgrade);

await app.listen(process.env.PORT ?? 3000, '127.0.0.1');
process.stdout.write(`${await app.getUrl()}\n`);
process.once('SIGTERM', async () => {
  void proxy.closeSockets(1000);
  stats.close();
  await app.close();
  await proxy.close();
});
