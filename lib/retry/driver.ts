import asyncRetry from 'async-retry';

const FIRST_FAILED = new Error('The first attempt has failed');

/**
 * Repeats attempts until one resolves: all that this package uses of async-retry. Entered only when a first attempt has
 * failed, which its own first attempt stands for, so that a call that succeeds never comes here.
 * @param again makes an attempt; it ends the loop by `giveUp`
 */
export function driveAttempts(
  maxAttempts: number,
  again: (giveUp: (error: Error) => void) => Promise<void>,
): Promise<void> {
  return asyncRetry(
    (giveUp, attempt) => {
      if (attempt === 1) throw FIRST_FAILED;
      return again(giveUp);
    },
    // The waits are made elsewhere: async-retry has none that an upstream can request or that can be cancelled.
    { retries: maxAttempts - 1, minTimeout: 0, maxTimeout: 0, randomize: false },
  );
}
