import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { onCleanup } from '../../support/cleanup.js';
import { unusedPort } from '../../support/listening.js';
import { eventOf, within } from '../../support/until.js';

/** What a process says of itself. */
export interface ProcessMemory {
  readonly rss: number;
  readonly heapUsed: number;
  /** Its clock, in epoch milliseconds. */
  readonly at: number;
}

/** The clock of a process that was started with {@link MovableClock.env}. */
export interface MovableClock {
  /** Environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** Moves its clock on; its timers fire. */
  advance(ms: number): Promise<ProcessMemory>;
  memory(): Promise<ProcessMemory>;
  /** The same, with the heap after a full collection. */
  collected(): Promise<ProcessMemory>;
}

/** Prepares a clock for a process that is to be started. */
export async function movableClock(): Promise<MovableClock> {
  const port = await unusedPort();
  const preload = new URL('clock-preload.mjs', import.meta.url).href;
  const order = async (line: string): Promise<ProcessMemory> => {
    const socket = connect(port, '127.0.0.1');
    onCleanup(() => socket.destroy());
    socket.write(`${line}\n`);
    const answer = await within(eventOf<string>(createInterface({ input: socket }), 'line'), line, 60_000);
    socket.destroy();
    return JSON.parse(answer);
  };
  return {
    env: { NODE_OPTIONS: `--import=${preload}`, CHAOS_CLOCK_PORT: `${port}` },
    advance: (ms) => order(`advance ${ms}`),
    memory: () => order('memory'),
    collected: () => order('collect'),
  };
}
