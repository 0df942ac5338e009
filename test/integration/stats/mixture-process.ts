import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Exchange } from '../../../lib/core/exchange.js';
import { stats } from '../../../lib/stats/stats.js';
import { CALLS, mixtureOf } from './mixture.js';

// Counts the mixture of one process, each call with the time that it is said to take.
const [options = '{}', number = '0'] = process.argv.slice(2);
const handler = stats(JSON.parse(options));
const real = performance.now.bind(performance);
for (const [i, { path, status, ms }] of mixtureOf(Number(number)).entries()) {
  const req = new IncomingMessage(new Socket());
  Object.assign(req, { method: 'GET', url: path });
  const res = new ServerResponse(req);
  performance.now = () => 1000;
  const exchange = new Exchange(req, res);
  exchange.api = 'mixed';
  handler.watch(exchange);
  performance.now = () => 1000 + ms;
  res.writeHead(status).end();
  Object.defineProperties(res, { writableEnded: { value: true }, writableFinished: { value: true } });
  res.emit('close');
  performance.now = real;
  if (i % (CALLS / 30) === 0) await handler.flush();
}
await handler.close();
process.disconnect?.();
