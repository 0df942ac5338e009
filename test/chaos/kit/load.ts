import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { onCleanup } from '../../support/cleanup.js';
import { within } from '../../support/until.js';
import { keep } from './keep.js';
import { type CallRecord, Ledger } from './ledger.js';

/** A kind of call, and its share of the load. */
export interface CallKind {
  readonly kind: string;
  /** Its part of the sum of all shares. */
  readonly share: number;
  /** `{n}` is the number of the call among its kind, modulo `variants`: `/api/x/{n}`. */
  readonly path: string;
  /** @default without end */
  readonly variants?: number;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What a load sends. */
export interface LoadPlan {
  /** Calls a second, whatever becomes of those before them. */
  readonly rate: number;
  /** URLs of the processes, which take turns. */
  readonly targets: readonly string[];
  readonly mix: readonly CallKind[];
  /** A call without a response by then has failed. @default 15000 */
  readonly timeoutMs?: number;
}

/** A load that runs. */
export interface Load {
  /** What became of the calls that have ended. */
  ledger(): Promise<Ledger>;
  /** Other targets from now on; records keep their numbers, so append new ones, and leave `undefined` in place of those that get no calls. */
  retarget(targets: readonly (string | undefined)[]): void;
  /** Sends no more, waits for the calls that are under way, and ends. */
  stop(): Promise<Ledger>;
}

/** What goes to the process of a load. */
export type LoadOrder =
  | { readonly type: 'start'; readonly plan: LoadPlan }
  | { readonly type: 'retarget'; readonly targets: readonly (string | undefined)[] }
  | { readonly type: 'report' }
  | { readonly type: 'stop' };

/** What it sends: calls that have ended since its last report. */
export type LoadReport =
  | { readonly type: 'started' }
  | { readonly type: 'report'; readonly last: boolean; readonly records: readonly CallRecord[] };

const PATIENCE_MS = 30_000;

/** Starts a load in a process of its own, on connections that are kept. It ends with the scene. */
export async function startLoad(plan: LoadPlan): Promise<Load> {
  const child = fork(new URL('load-process.ts', import.meta.url), {
    execArgv: ['--import', 'tsx'],
    serialization: 'advanced',
  });
  onCleanup(() => child.kill('SIGKILL'));
  const records: CallRecord[] = [];
  child.on('message', (report: LoadReport) => {
    if (report.type === 'report') for (const record of report.records) records.push(record);
  });
  const order = (message: LoadOrder): void => void child.send(message);
  order({ type: 'start', plan });
  await reported(child, ({ type }) => type === 'started');
  const ledger = async (): Promise<Ledger> => {
    order({ type: 'report' });
    await reported(child, ({ type }) => type === 'report');
    return new Ledger([...records]);
  };
  let stopped: Promise<Ledger> | undefined;
  const stop = async (): Promise<Ledger> => {
    const last = reported(child, (report) => report.type === 'report' && report.last);
    order({ type: 'stop' });
    await last;
    keep('load', records);
    return new Ledger(records);
  };
  return {
    ledger,
    retarget: (targets) => order({ type: 'retarget', targets }),
    stop: () => (stopped ??= stop()),
  };
}

async function reported(child: ChildProcess, matches: (report: LoadReport) => boolean): Promise<void> {
  const wait = async (): Promise<void> => {
    for (;;) {
      const [report] = (await once(child, 'message')) as [LoadReport];
      if (matches(report)) return;
    }
  };
  await within(wait(), 'a report of the load', PATIENCE_MS);
}
