import { createServer, type Server, type Socket } from 'node:net';
import { finish, send } from './pieces.js';
import { RequestReader } from './request-reader.js';
import { responsePlan } from './response-plan.js';

/** What plain requests get, in between. */
export const PLAIN = 'as plain as can be';
const PLAIN_RESPONSE = `HTTP/1.1 200 OK\r\nContent-Length: ${PLAIN.length}\r\n\r\n${PLAIN}`;

/** A target that does what its plans say. */
export class Target {
  readonly sockets = new Set<Socket>();
  readonly server: Server;
  requests = 0;
  readonly #seed: number;
  #leaving = false;
  readonly #attempts = new Map<number, number>();

  constructor(seed: number) {
    this.#seed = seed;
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#serve(socket));
  }

  #serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
    const reader = new RequestReader((head) => this.#respond(socket, head, reader));
    socket.on('data', (chunk) => reader.push(chunk)).on('end', () => socket.end());
  }

  #respond(socket: Socket, head: string, reader: RequestReader): void {
    this.requests++;
    const number = Number(/^\S+ \/[crx]\/(\d+) /.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(number)) {
      socket.write(PLAIN_RESPONSE);
      return;
    }
    const attempt = this.#attempts.get(number) ?? 0;
    this.#attempts.set(number, attempt + 1);
    const method = head.slice(0, head.indexOf(' '));
    const upgrade = /^upgrade: websocket\r?$/im.test(head);
    const plan = responsePlan(this.#seed, { number, attempt, method, upgrade });
    const speak = (): void => send(socket, plan.pieces, () => finish(socket, plan.ending));
    if (plan.deaf && plan.ending !== 'keep' && !this.#leaving) socket.pause();
    if (plan.speaks === 'head' || (plan.deaf && plan.ending !== 'keep')) speak();
    else if (plan.speaks === 'end') reader.onEnd(speak);
  }

  /** Reads everywhere: what does not read does not hear either that the other side has gone. */
  hear(): void {
    this.#leaving = true;
    for (const socket of this.sockets) socket.resume();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** No plan is asked for twice. */
  forget(number: number): void {
    this.#attempts.delete(number);
  }
}
