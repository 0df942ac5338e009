type Closer = () => unknown;

/** A process that has nothing left to do ends at once. */
const STILL_OPEN_AFTER_MS = 30_000;

const closers: Closer[] = [];
const listenerWarnings: Error[] = [];

/** Runs after the current test, last registered first: what a test opened never outlives it. */
export function onCleanup(close: Closer): void {
  closers.push(close);
}

/** Closes what was opened; for programs outside of mocha that go on. */
export async function cleanUp(): Promise<void> {
  while (closers.length > 0) await closers.pop()?.();
}

process.on('warning', (warning) => {
  if (warning.name === 'MaxListenersExceededWarning') listenerWarnings.push(warning);
});

/** Warnings about listener leaks since the process began. */
export function listenerWarningsSeen(): readonly Error[] {
  return listenerWarnings;
}

// At the top level of a module these are mocha's root hooks, which apply to every test of the run. Programs outside
// of mocha import this too; they clean up by ending.
if (typeof afterEach === 'function') {
  afterEach(cleanUp);
  after(function failsWhereListenersPiledUp() {
    if (listenerWarnings[0]) throw listenerWarnings[0];
  });
  after(function failsWhereSomethingStaysOpen() {
    setTimeout(() => {
      console.error(`The tests are over, and still open are: ${process.getActiveResourcesInfo().join(', ')}`);
      process.exit(1);
    }, STILL_OPEN_AFTER_MS).unref();
  });
}
