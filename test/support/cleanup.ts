type Closer = () => unknown;

const closers: Closer[] = [];
const listenerWarnings: Error[] = [];

/** Runs after the current test, last registered first: what a test opened never outlives it. */
export function onCleanup(close: Closer): void {
  closers.push(close);
}

async function cleanUp(): Promise<void> {
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
}
