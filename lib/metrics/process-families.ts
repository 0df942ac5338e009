import { readdirSync, readFileSync } from 'node:fs';
import type { Family, Row } from './family.js';

/** When this process began, in epoch seconds. */
const STARTED_AT = Date.now() / 1000 - process.uptime();

/**
 * What Prometheus wants to know of every process, under the names that all programs have for it. Read at the scrape: those
 * of prom-client itself watch the garbage collection and the event loop all the time, and cannot be stopped.
 */
export function processFamilies(): Family[] {
  const family = (
    type: Family['type'],
    name: string,
    help: string,
    read: () => number | undefined,
  ): Family => ({
    ...{ type, name, help, labels: [], isProcess: true },
    rows: (): Row[] => {
      const value = read();
      return value === undefined ? [] : [[{}, value]];
    },
  });
  const memory = () => process.memoryUsage();
  return [
    family('counter', 'process_cpu_seconds_total', 'CPU time of the process.', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    }),
    family('gauge', 'process_start_time_seconds', 'When the process began.', () => STARTED_AT),
    family('gauge', 'process_resident_memory_bytes', 'Memory that the process occupies.', () => memory().rss),
    family('gauge', 'process_open_fds', 'Open files and sockets.', openFiles),
    family('gauge', 'process_max_fds', 'Most files and sockets that may be open.', maxFiles),
    family('gauge', 'nodejs_heap_size_total_bytes', 'Heap of Node.', () => memory().heapTotal),
    family('gauge', 'nodejs_heap_size_used_bytes', 'Part of it that is in use.', () => memory().heapUsed),
    family(
      'gauge',
      'nodejs_external_memory_bytes',
      'Memory of buffers and the like.',
      () => memory().external,
    ),
  ];
}

/** Which program it is: 1, with the versions as labels. */
export function buildFamily(version: string): Family {
  return {
    type: 'gauge',
    name: 'build_info',
    help: 'Always 1; its labels are the versions of the package and of Node.',
    labels: ['version', 'node'],
    rows: () => [[{ version, node: process.version }, 1]],
  };
}

/** Only Linux says so. */
function openFiles(): number | undefined {
  try {
    // One of them is the folder that is being read.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

function maxFiles(): number | undefined {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return line === undefined ? undefined : Number(line);
  } catch {
    return undefined;
  }
}
