// Nest with Express. The body parser of Nest would read the bodies of calls first, so it is left to other routes.
// In TypeScript the module is a class with the decorator @Module({}).
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { resilientProxy, statsDashboard, upgradeRoutes } from 'resilient-proxy-out';

const proxy = resilientProxy({
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});
const stats = statsDashboard(proxy.stats);

class AppModule {}
Module({})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] });
// Before Nest's own parser, which app.listen() puts behind what is here.
app.use('/api', proxy);
app.use('/stats', stats);
app.use('/hello', (_req, res) => res.end('hello'));
app.getHttpServer().on('upgrade', upgradeRoutes({ '/api': proxy.upgrade }));

await app.listen(process.env.PORT ?? 3000, '127.0.0.1');
process.stdout.write(`${await app.getUrl()}\n`);
process.once('SIGTERM', async () => {
  void proxy.closeSockets(1000);
  stats.close();
  await app.close();
  await proxy.close();
});
