import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import type { Logger } from './logger.js';

/** What the program does on a signal. */
export interface SignalActions {
  close(): Promise<void>;
  reload(): void;
  /** Replaces the processes that serve; `undefined` where there are none. */
  roll?: (() => void) | undefined;
}

const EXIT_FAILED = 1;
const EXIT_KILLED = 128;

/** Who stops it by hand and sees nothing for so long takes it to hang. */
const STILL_AFTER_MS = 2000;

/** SIGTERM and SIGINT end the process gracefully, a second one at once; SIGHUP reloads, SIGUSR2 replaces the workers. */
export function onSignals(logger: Logger, { close, reload, roll }: SignalActions): void {
  let stopping = false;
  const stop = (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP'): void => {
    if (stopping) {
      logger.warn({ signal }, `a second ${signal}: calls in progress are cut off`);
      process.exit(EXIT_KILLED + constants.signals[signal]);
    }
    stopping = true;
    logger.info({ signal }, 'shutting down');
    setTimeout(
      () =>
        logger.info(
          `still shutting down: calls in progress have server.shutdownTimeoutMs to end; a second ${signal} cuts them off`,
        ),
      STILL_AFTER_MS,
    ).unref();
    close().then(
      () => process.exit(0),
      (err: unknown) => {
        logger.error({ err }, 'the shutdown failed');
        process.exit(EXIT_FAILED);
      },
    );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  const inTerminal = hasTerminal() && usesTerminal();
  process.on('SIGHUP', () => {
    // Closing a terminal sends SIGHUP too, and then the gateway should end with its window.
    if (inTerminal && !hasTerminal()) stop('SIGHUP');
    else if (!stopping) reload();
  });
  // By default the one ends the process, and the other has Node open a port for debuggers.
  process.on('SIGUSR2', () => {
    if (!roll)
      logger.warn('SIGUSR2 replaces workers, and there are none without --workers: nothing was done');
    else if (!stopping) roll();
  });
  process.on('SIGUSR1', () =>
    logger.warn('SIGUSR1 does nothing: the gateway has no log files to open again'),
  );
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'the gateway failed');
    process.exit(EXIT_FAILED);
  });
}

/**
 * Whether it reads or writes a terminal. One that was started by `nohup` does not, and goes on when its terminal is
 * closed: Node has undone that the signal was to be ignored, so nothing else tells.
 */
const usesTerminal = (): boolean => [0, 1, 2].some((fd) => isatty(fd));

/** Whether the process has a controlling terminal. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
