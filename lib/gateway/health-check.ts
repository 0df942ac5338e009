#!/usr/bin/env node
// Tells whether a gateway on this machine, or in this container, is healthy: by its exit code, 0 or 1. It finds out by
// itself where the gateway listens, whatever its arguments and its file say. Arguments: process ids, to look at no others.
import { listeningOf, processesOf } from './listening-ports.js';

const WITHIN_MS = 2500;

async function isHealthy(): Promise<boolean> {
  const given = process.argv.slice(2).map(Number);
  const places = listeningOf(given.length > 0 ? given : processesOf('gateway/main.js'));
  const checks = places.map(async ({ host, port }) => {
    const response = await fetch(`http://${host}:${port}/health`, { signal: AbortSignal.timeout(WITHIN_MS) });
    const { status } = Object(await response.json());
    return response.ok && status === 'ok';
  });
  // The demo API listens too.
  return (await Promise.allSettled(checks)).some((check) => check.status === 'fulfilled' && check.value);
}

process.exitCode = (await isHealthy()) ? 0 : 1;
