const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/**
 * Runs something that may crash the process, as plain http-proxy-middleware does if a listener throws, and returns
 * what would have ended it. Mocha's own listeners are removed meanwhile.
 */
export async function collectCrashes<T>(run: (crashes: string[]) => Promise<T>): Promise<T> {
  const crashes: string[] = [];
  const saved = EVENTS.map((event) => process.rawListeners(event) as (() => void)[]);
  const record = EVENTS.map((event) => (reason: unknown) => {
    crashes.push(`${event}: ${reason instanceof Error ? reason.message : String(reason)}`);
  });
  EVENTS.forEach((event, i) => {
    process.removeAllListeners(event);
    process.on(event as 'uncaughtException', record[i] ?? (() => {}));
  });
  try {
    return await run(crashes);
  } finally {
    EVENTS.forEach((event, i) => {
      process.removeAllListeners(event);
      for (const listener of saved[i] ?? []) process.on(event as 'uncaughtException', listener);
    });
  }
}
