import type { Family } from '../metrics/family.js';
import type { LogStatus } from './log-stream.js';

/** What knows how the writing of the log goes. */
export interface LogSource {
  status(): LogStatus;
}

/** The same for Prometheus; nothing where it is not known. */
export function logFamilies(log: LogSource | undefined): Family[] {
  if (!log) return [];
  return [
    {
      type: 'counter',
      name: 'log_lines_dropped_total',
      help: 'Log lines that found no room while their reader did not read, or that could not be written.',
      labels: [],
      rows: () => [[{}, log.status().droppedLines]],
    },
    {
      type: 'gauge',
      name: 'log_waiting_bytes',
      help: 'Memory in which log lines wait for being written.',
      labels: [],
      rows: () => [[{}, log.status().waitingBytes]],
    },
  ];
}
