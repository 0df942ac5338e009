import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import type { Logger } from './logger.js';

/** What the program does on a signal. */
export interface SignalActions {
  close(): Promise<void>;
  reload(): void;
}

const EXIT_FAILED = 1;
const EXIT_KILLED = 128;

/** SIGTERM and SIGINT end the process gracefully, a second one at once; SIGHUP reloads. */
export function onSignals(logger: Logger, { close, reload }: SignalActions): void {
  let stopping = false;
  const stop = (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP'): void => {
    if (stopping) process.exit(EXIT_KILLED + constants.signals[signal]);
    stopping = true;
    logger.info({ signal }, 'shutting down');
    close().then(
      () => process.exit(0),
      (err: unknown) => {
        logger.error({ err }, 'the shutdown failed');
        process.exit(EXIT_FAILED);
      },
    );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  const inTerminal = hasTerminal();
  process.on('SIGHUP', () => {
    // Closing a terminal sends SIGHUP too, and then the gateway should end with its window.
    if (inTerminal && !hasTerminal()) stop('SIGHUP');
    else if (!stopping) reload();
  });
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'the gateway failed');
    process.exit(EXIT_FAILED);
  });
}

/** Whether the process has a controlling terminal. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
