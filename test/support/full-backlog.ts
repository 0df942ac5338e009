import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { onCleanup } from './cleanup.js';
import { eventOf } from './until.js';

const PROGRAM = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** A port of 127.0.0.1 on which no further connection is ever made: it listens, and nobody accepts. */
export async function fullBacklog(): Promise<number> {
  const worker = new Worker(PROGRAM, { eval: true });
  onCleanup(() => worker.terminate());
  const port = await eventOf<number>(worker, 'message');
  while (await connects(port));
  return port;
}

async function connects(port: number): Promise<boolean> {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  onCleanup(() => socket.destroy());
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true));
    setTimeout(() => resolve(!socket.connecting), 100);
  });
}
