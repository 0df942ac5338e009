import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { concurrency } from '../../../lib/concurrency/concurrency.js';
import { pipeline } from '../../../lib/core/pipeline.js';
import { sendError } from '../../../lib/core/send-error.js';
import { forward } from '../../../lib/upstream/forward.js';

// One of several processes: `concurrency()` in front of `forward()`, with the options of its arguments.
const [limits = '{}', target = '{}'] = process.argv.slice(2);
const handler = pipeline([concurrency(JSON.parse(limits)), forward(JSON.parse(target))]);
const server = createServer((req, res) => {
  handler(req, res, (error) => void sendError(req, res, error));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit());
