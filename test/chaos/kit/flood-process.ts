// The process of a flood: bytes in, bytes out, and no HTTP client between.
import { connect, type Socket } from 'node:net';
import type { FloodPlan, FloodReport, FloodRequest } from './flood.js';

class Run {
  readonly #plan: FloodPlan;
  readonly #statuses: Record<string, number> = {};
  readonly #end: (report: FloodReport) => void;
  readonly #beganAt = performance.now();
  readonly #cutEvery: number;
  readonly #writers: readonly ((number: number) => Buffer)[];
  #sent = 0;
  #ended = 0;
  #open: number;
  #over = false;

  constructor(plan: FloodPlan, end: (report: FloodReport) => void) {
    this.#plan = plan;
    this.#end = end;
    this.#open = plan.connections;
    this.#writers = plan.requests.map((request) => writer(request, plan.port));
    this.#cutEvery = plan.cutShare ? Math.round(1 / plan.cutShare) : Number.POSITIVE_INFINITY;
    for (let i = 0; i < plan.connections; i++) this.#connect();
  }

  #isDone(): boolean {
    const { calls = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY } = this.#plan;
    return this.#sent >= calls || performance.now() - this.#beganAt >= ms;
  }

  #next(): { readonly bytes: Buffer; readonly cut: boolean } {
    const number = this.#sent++;
    // The list is never empty.
    const bytes = this.#writers[number % this.#writers.length]?.(number) as Buffer;
    return { bytes, cut: number % this.#cutEvery === this.#cutEvery - 1 };
  }

  #connect(): void {
    const socket = connect({ port: this.#plan.port, host: '127.0.0.1' }).setNoDelay(true);
    let left = '';
    let underWay = 0;
    const send = (): void => {
      socket.cork();
      while (underWay < (this.#plan.depth ?? 1) && !this.#isDone()) {
        const { bytes, cut } = this.#next();
        if (cut && underWay === 0) {
          this.#cut(socket, bytes);
          break;
        }
        socket.write(bytes);
        underWay++;
      }
      socket.uncork();
      if (underWay === 0 && this.#isDone()) socket.destroy();
    };
    socket.setEncoding('latin1').on('data', (data: string) => {
      left += data;
      let taken = 0;
      for (let end = endOf(left, taken); end > 0; end = endOf(left, taken)) {
        const status = left.slice(taken + 9, taken + 12);
        this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
        this.#ended++;
        underWay--;
        taken = end;
      }
      left = left.slice(taken);
      if (taken > 0) send();
    });
    socket.on('error', () => {});
    socket.once('connect', send);
    socket.once('close', () => {
      if (underWay > 0) this.#statuses.lost = (this.#statuses.lost ?? 0) + underWay;
      if (this.#isDone()) this.#closed();
      else this.#connect();
    });
  }

  /** A client that leaves in the middle of its request. */
  #cut(socket: Socket, bytes: Buffer): void {
    this.#statuses.cut = (this.#statuses.cut ?? 0) + 1;
    socket.write(bytes.subarray(0, -3), () => socket.destroy());
  }

  #closed(): void {
    if (--this.#open > 0 || this.#over) return;
    this.#over = true;
    this.#end({ calls: this.#ended, ms: performance.now() - this.#beganAt, statuses: this.#statuses });
  }
}

/** What a request is sent as; made once where no number is in it. */
function writer({ path, body }: FloodRequest, port: number): (number: number) => Buffer {
  const framing =
    body === undefined
      ? '\r\n'
      : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const write = (ownPath: string): Buffer =>
    Buffer.from(
      `${body === undefined ? 'GET' : 'POST'} ${ownPath} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${framing}`,
    );
  if (path.includes('{n}')) return (number) => write(path.replace('{n}', `${number}`));
  const bytes = write(path);
  return () => bytes;
}

/** Where the response that begins here ends; 0 if it is not complete. All have a length. */
function endOf(text: string, from: number): number {
  const head = text.indexOf('\r\n\r\n', from);
  if (head < 0) return 0;
  const [, length = '0'] = /\r\ncontent-length: (\d+)/i.exec(text.slice(from, head)) ?? [];
  const end = head + 4 + Number(length);
  return end <= text.length ? end : 0;
}

process.on('message', (plan: FloodPlan) => void new Run(plan, (report) => process.send?.(report)));
// It ends with the suite.
process.once('disconnect', () => process.exit());
