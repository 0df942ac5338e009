import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sendError } from '../../lib/core/send-error.js';
import { forward } from '../../lib/upstream/forward.js';
import type { ForwardOptions } from '../../lib/upstream/options/forward-options.js';

// One server for each of the options of its argument; tells their ports.
const all: ForwardOptions[] = JSON.parse(process.argv[2] ?? '[]');
const ports = all.map(async (options) => {
  const handler = forward(options);
  const server = createServer((req, res) => {
    void handler(req, res, (error) => void sendError(req, res, error));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
});
process.once('disconnect', () => process.exit());
process.send?.(await Promise.all(ports));
