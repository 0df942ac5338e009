import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { onCleanup } from '../../support/cleanup.js';
import { within } from '../../support/until.js';

/** Clients that hold connections, each of which connects again when it is ended. */
export interface SlowPlan {
  readonly port: number;
  /** Send the head of a request, a byte a second. */
  readonly heads: number;
  /** Send a whole head, and the body that it announces a byte a second. */
  readonly bodies: number;
  /** Send nothing. */
  readonly idle: number;
  /** They come one after another, within so long, and so are not ended all at once. */
  readonly overMs: number;
  /** Where the bodies go. */
  readonly path: string;
}

/** What such clients have seen. */
export interface SlowReport {
  /** Connections that are open. */
  readonly open: number;
  /** Responses to bodies, by status. */
  readonly bodies: Readonly<Record<string, number>>;
  /** For how long the oldest body was sent before its response, or has been sent without one, in milliseconds. */
  readonly oldestBodyMs: number;
  /** Heads that were ended. */
  readonly heads: number;
}

export interface SlowClients {
  report(): Promise<SlowReport>;
  /** They all leave. */
  leave(): Promise<void>;
}

/** Starts them in a process of their own; resolves once all of them are connected. They end with the scene. */
export async function startSlowClients(plan: SlowPlan): Promise<SlowClients> {
  const child = fork(new URL('slow-clients-process.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
  onCleanup(() => child.kill('SIGKILL'));
  const connected = answerOf(child);
  child.send(plan);
  await within(connected, 'the slow clients to connect', plan.overMs + 30_000);
  return {
    async report() {
      const report = answerOf(child);
      child.send('report');
      return (await within(report, 'a report of the slow clients', 10_000)) as SlowReport;
    },
    async leave() {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await within(gone, 'the slow clients to leave');
    },
  };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const [message] = await once(child, 'message');
  return message;
}
