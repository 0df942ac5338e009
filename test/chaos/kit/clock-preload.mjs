// Makes the clock of a process one that can be moved on: `Date`, `performance.now()` and timers. Loaded by NODE_OPTIONS
// in front of the program; takes orders, a line each, on the port of CHAOS_CLOCK_PORT: `advance MS`, and `memory`.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import timers from 'node:timers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const real = {
  Date: globalThis.Date,
  now: performance.now.bind(performance),
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
};
let ahead = 0;

class MovedDate extends real.Date {
  constructor(...args) {
    if (args.length > 0) super(...args);
    else super(real.Date.now() + ahead);
  }
  static now() {
    return real.Date.now() + ahead;
  }
}
globalThis.Date = MovedDate;
performance.now = () => real.now() + ahead;

/** Timers that run, so that they can be brought forward. */
const running = new Set();

class MovedTimer {
  constructor(callback, ms, args, repeats) {
    this.callback = callback;
    this.ms = ms >= 1 ? ms : 1;
    this.args = args;
    this.repeats = repeats;
    this.keeps = true;
    this.refresh();
  }
  refresh() {
    this.dueAt = performance.now() + this.ms;
    running.add(this);
    this.arm();
    return this;
  }
  arm() {
    real.clearTimeout(this.timer);
    this.timer = real.setTimeout(() => this.fire(), Math.max(1, this.dueAt - performance.now()));
    if (!this.keeps) this.timer.unref();
  }
  fire() {
    if (this.repeats) this.refresh();
    else this.close();
    this.callback(...this.args);
  }
  close() {
    running.delete(this);
    real.clearTimeout(this.timer);
    return this;
  }
  ref() {
    this.keeps = true;
    this.timer.ref();
    return this;
  }
  unref() {
    this.keeps = false;
    this.timer.unref();
    return this;
  }
  hasRef() {
    return this.keeps;
  }
  [Symbol.toPrimitive]() {
    return Number(this.timer);
  }
  [Symbol.dispose]() {
    this.close();
  }
}

const clear = (timer) => (timer instanceof MovedTimer ? void timer.close() : real.clearTimeout(timer));
const moved = {
  setTimeout: (callback, ms, ...args) => new MovedTimer(callback, ms, args, false),
  setInterval: (callback, ms, ...args) => new MovedTimer(callback, ms, args, true),
  clearTimeout: clear,
  clearInterval: clear,
};
Object.assign(globalThis, moved);
Object.assign(timers, moved);

/** A step at a time, so that what repeats often has its turns. */
const STEP_MS = 30_000;

async function advance(ms) {
  for (let left = ms; left > 0; left -= STEP_MS) {
    ahead += Math.min(STEP_MS, left);
    for (const timer of [...running]) timer.arm();
    await new Promise((resolve) => real.setTimeout(resolve, 2));
  }
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const { CHAOS_CLOCK_PORT: port } = process.env;
if (port) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    createInterface({ input: socket }).on('line', async (line) => {
      const [order, value] = line.split(' ');
      if (order === 'advance') await advance(Number(value));
      const { rss } = process.memoryUsage();
      if (order === 'collect') collect();
      const { heapUsed } = process.memoryUsage();
      socket.write(`${JSON.stringify({ rss, heapUsed, at: Date.now() })}\n`);
    });
  });
  server.listen(Number(port), '127.0.0.1').unref();
}
