import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

/** The process' own, for what drives the exchanges. */
export const realTimeout = globalThis.setTimeout;
const { clearTimeout: realClear, setInterval: realInterval } = globalThis;

/** What must not happen while exchanges run, and what must not be left behind them. */
export interface Watch {
  /** Errors that nobody caught, and warnings of the process. */
  readonly faults: string[];
  /** Where the timers were set that still run. */
  timersLeft(): string[];
  /** How many sockets that this process has opened are not closed. */
  socketsLeft(): number;
  /** Events of the process that have more listeners than before. */
  listenersLeft(): string[];
  close(): void;
}

/** Watches the process from now on. @param now tells what runs when something happens */
export function watch(now: () => string): Watch {
  const faults: string[] = [];
  const listenersBefore = processListeners();
  const sockets = new Set<Socket>();
  const opened = (message: unknown): void => {
    if (typeof message !== 'object' || message === null || !('socket' in message)) return;
    const { socket } = message;
    if (!(socket instanceof Socket)) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  subscribe('net.client.socket', opened);
  const timers = new Map<object, string>();
  const uncaught = (error: unknown) =>
    void faults.push(
      `uncaught, ${now()}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  const warned = (warning: Error) =>
    void faults.push(`warning, ${now()}: ${warning.stack ?? warning.message}`);
  process.on('uncaughtException', uncaught).on('unhandledRejection', uncaught).on('warning', warned);

  Object.assign(globalThis, {
    setTimeout: (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const timer: NodeJS.Timeout = realTimeout(() => {
        timers.delete(timer);
        run(...args);
      }, ms);
      timers.set(timer, whence());
      return timer;
    },
    setInterval: (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const timer = realInterval(run, ms, ...args);
      timers.set(timer, whence());
      return timer;
    },
    clearTimeout: (timer: NodeJS.Timeout | undefined) => {
      if (timer) timers.delete(timer);
      realClear(timer);
    },
    clearInterval: (timer: NodeJS.Timeout | undefined) => {
      if (timer) timers.delete(timer);
      realClear(timer);
    },
  });

  return {
    faults,
    socketsLeft: () => sockets.size,
    listenersLeft: () =>
      [...processListeners()]
        .filter(([event, count]) => count > (listenersBefore.get(event) ?? 0) && !OURS.has(event))
        .map(([event]) => event),
    timersLeft: () => [...timers.values()],
    close() {
      unsubscribe('net.client.socket', opened);
      Object.assign(globalThis, {
        setTimeout: realTimeout,
        setInterval: realInterval,
        clearTimeout: realClear,
        clearInterval: realClear,
      });
      process.off('uncaughtException', uncaught).off('unhandledRejection', uncaught).off('warning', warned);
    },
  };
}

/** What this listens to itself. */
const OURS: ReadonlySet<string> = new Set(['uncaughtException', 'unhandledRejection', 'warning']);

const processListeners = (): ReadonlyMap<string, number> =>
  new Map(process.eventNames().map((event) => [String(event), process.listenerCount(event)]));

/** The line that sets a timer. */
function whence(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 4;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return stack.split('\n')[3]?.trim() ?? 'unknown';
}
