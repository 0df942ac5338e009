import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { devNull } from 'node:os';
import { sendError } from '../../../lib/core/send-error.js';
import { type ApiOptions, resilientProxy } from '../../../lib/index.js';

// A proxy that uses up its descriptors but one, in which its next client connects, and gives them back.
const options: ApiOptions = JSON.parse(process.argv[2] ?? '{}');
const proxy = resilientProxy({ name: 'api', ...options });
const server = createServer((req, res) => {
  proxy(req, res, (error) => void sendError(req, res, error));
});
const held: number[] = [];

process.on('message', (wish) => {
  if (wish === 'exhaust') exhaust();
  else for (const descriptor of held.splice(0)) closeSync(descriptor);
  process.send?.(proxy.circuits.list()[0] ?? {});
});
process.once('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));

function exhaust(): void {
  try {
    while (held.length < 10_000) held.push(openSync(devNull, 'r'));
  } catch {
    closeSync(held.pop() ?? 0);
  }
}
