// An application in CommonJS, as a user of the package writes it.
const express = require('express');
const { resilientProxy } = require('resilient-proxy-out');
const { statsDashboard } = require('resilient-proxy-out/dashboards');

const proxy = resilientProxy({ name: 'upstream', target: process.env.UPSTREAM });
const dashboard = statsDashboard(proxy.stats);

const app = express();
app.use('/api', proxy);
app.use('/stats', dashboard);

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
server.on('upgrade', proxy.upgrade);

process.once('SIGTERM', () => {
  server.close();
  dashboard.close();
  void proxy.close();
});
