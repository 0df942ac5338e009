import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resilientProxy } from '../../../lib/index.js';

// One of several processes with one API, whose options are in its argument. It tells its port and each change of its
// circuit, and does what it is told.
const proxy = resilientProxy({
  name: 'api',
  retry: false,
  stats: false,
  ...JSON.parse(process.argv[2] ?? '{}'),
});
const tell = (type: string, event: object = {}): void => {
  // Of this machine, so that processes can be compared.
  process.send?.({ type, at: performance.timeOrigin + performance.now(), ...event });
};
const circuit = proxy.apis.get('api')?.breaker;
circuit?.on('open', (event) => tell('open', event));
circuit?.on('halfOpen', (event) => tell('halfOpen', event));
circuit?.on('close', (event) => tell('close', event));
process.on('message', (command) => {
  if (command === 'forceOpen' || command === 'forceClose' || command === 'reset') circuit?.[command]();
  if (command === 'snapshot') tell('snapshot', { snapshot: proxy.circuits.list()[0] });
});
const server = createServer((req, res) => proxy(req, res));
server.listen(0, '127.0.0.1', () => tell('listening', { port: (server.address() as AddressInfo).port }));
process.once('disconnect', () => process.exit());
