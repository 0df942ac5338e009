import type { Fleet } from './fleet.js';

/** A circuit that has opened or closed in a process. */
export interface CircuitEvent {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly port: number;
  readonly msg: string;
}

const MESSAGES = { open: /^circuit "[^"]+" opened/, close: /^circuit "[^"]+" closed/ };

/** When circuits have opened or closed, as the logs of the processes say. */
export function circuitEvents({ processes }: Fleet, kind: keyof typeof MESSAGES): CircuitEvent[] {
  return processes.flatMap(({ port, logs }) =>
    logs.flatMap(({ msg, time }) =>
      MESSAGES[kind].test(String(msg)) ? [{ at: Date.parse(String(time)), port, msg: String(msg) }] : [],
    ),
  );
}

/** Milliseconds from the first to the last. */
export function spreadOf(events: readonly CircuitEvent[]): number {
  const times = events.map(({ at }) => at);
  return Math.max(...times) - Math.min(...times);
}
