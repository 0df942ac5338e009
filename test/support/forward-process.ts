import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sendError } from '../../lib/core/send-error.js';
import { forward } from '../../lib/upstream/forward.js';

const handler = forward(JSON.parse(process.argv[2] ?? '{}'));
const server = createServer((req, res) => {
  handler(req, res, (error) => void sendError(req, res, error));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit());
