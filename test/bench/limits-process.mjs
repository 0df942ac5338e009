// One of several processes of limits-vendors.mjs: says with each call when it was let through, or refused.
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pipeline } from '../../lib/core/pipeline.ts';
import { sendError } from '../../lib/core/send-error.ts';
import { rateLimit } from '../../lib/rate-limit/rate-limit.ts';
import { forward } from '../../lib/upstream/forward.ts';

const [limits = '{}', target = '{}'] = process.argv.slice(2);
const stamp = (req, _res, next) => {
  req.headers['x-admitted-at'] = `${Date.now()}`;
  req.rawHeaders.push('x-admitted-at', req.headers['x-admitted-at']);
  next();
};
const handler = pipeline([rateLimit(JSON.parse(limits)), stamp, forward(JSON.parse(target))]);
const server = createServer((req, res) => {
  handler(req, res, (error) => {
    if (error?.code === 'ERR_RATE_LIMITED') res.setHeader('x-refused-at', `${Date.now()}`);
    void sendError(req, res, error);
  });
});
const delay = monitorEventLoopDelay();
delay.enable();
process.on('message', () => process.send(Math.round(delay.max / 1e6)));
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.once('disconnect', () => process.exit());
