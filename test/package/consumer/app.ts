// An application in TypeScript, as a user of the package writes it; the package tests copy it beside an installed
// package, whose name then stands in place of the paths.
import type { AddressInfo } from 'node:net';
import express from 'express';
import { statsDashboard } from '../../../dashboards/index.js';
import { resilientProxy, type StatsHandler } from '../../../lib/index.js';

const proxy = resilientProxy({ name: 'upstream', target: process.env.UPSTREAM });
const dashboard = statsDashboard(proxy.stats as StatsHandler);

const app = express();
app.use('/api', proxy);
app.use('/stats', dashboard);

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
server.on('upgrade', proxy.upgrade);

process.once('SIGTERM', () => {
  server.close();
  dashboard.close();
  void proxy.close();
});
