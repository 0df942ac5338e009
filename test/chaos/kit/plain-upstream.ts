import { fork } from 'node:child_process';
import { once } from 'node:events';
import { onCleanup } from '../../support/cleanup.js';
import { within } from '../../support/until.js';

/** An API that responds at once and notes nothing, for millions of calls: 200, or `/status/503`. It ends with the scene. */
export async function startPlainUpstream(): Promise<{ readonly url: string }> {
  const child = fork(new URL('plain-upstream-process.ts', import.meta.url), {
    execArgv: ['--import', 'tsx'],
  });
  onCleanup(() => child.kill('SIGKILL'));
  const [port] = await within(once(child, 'message'), 'the plain upstream to listen', 10_000);
  return { url: `http://127.0.0.1:${port}` };
}
