import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { ApiOptions, CircuitSnapshot } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { until, within } from '../../support/until.js';

/** A change of a circuit in one process. */
export interface Change {
  readonly type: 'open' | 'halfOpen' | 'close';
  /** By a clock that all processes have. */
  readonly at: number;
  readonly by?: string;
  readonly reason?: string;
}

/** A process with one API. */
export interface Member {
  readonly url: string;
  readonly pid: number;
  readonly changes: readonly Change[];
  /** Calls by the status of their responses; 0 where there was none. */
  readonly statuses: Readonly<Record<number, number>>;
  /** Code of the error of each failed call. */
  readonly codes: Readonly<Record<string, number>>;
  tell(command: 'forceOpen' | 'forceClose' | 'reset'): void;
  snapshot(): Promise<CircuitSnapshot>;
  call(): Promise<number>;
  /** Kills it. */
  kill(): Promise<void>;
}

interface Message extends Omit<Change, 'type'> {
  readonly type: Change['type'] | 'listening' | 'snapshot';
  readonly port?: number;
  readonly snapshot?: CircuitSnapshot;
}

const SCRIPT = fileURLToPath(new URL('fleet-process.ts', import.meta.url));

/** Starts a process whose API has these options and Redis; ended with the test. */
export async function startMember(options: ApiOptions & { readonly redis?: object }): Promise<Member> {
  const child: ChildProcess = fork(SCRIPT, [JSON.stringify(options)], { execArgv: ['--import', 'tsx'] });
  const agent = new Agent({ keepAlive: true });
  const ended = once(child, 'exit');
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  };
  onCleanup(async () => {
    agent.destroy();
    await kill();
  });
  const changes: Change[] = [];
  const statuses: Record<number, number> = {};
  const codes: Record<string, number> = {};
  const snapshots: CircuitSnapshot[] = [];
  const port = await within(
    new Promise<number>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the process has ended')));
      child.on('message', ({ type, port, snapshot, ...change }: Message) => {
        if (type === 'listening') resolve(port ?? 0);
        else if (type === 'snapshot') snapshots.push(snapshot as CircuitSnapshot);
        else changes.push({ type, ...change });
      });
    }),
    'a process to listen',
    60_000,
  );
  const url = `http://127.0.0.1:${port}/`;

  function call(): Promise<number> {
    return new Promise((resolve) => {
      const end = (status: number): void => {
        statuses[status] = (statuses[status] ?? 0) + 1;
        resolve(status);
      };
      request(url, { agent }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        res.on('end', () => {
          const code = /"code":"(\w+)"/.exec(text)?.[1];
          if (code !== undefined) codes[code] = (codes[code] ?? 0) + 1;
          end(res.statusCode ?? 0);
        });
        res.on('error', () => end(0));
      })
        .on('error', () => end(0))
        .end();
    });
  }

  return {
    url,
    pid: child.pid ?? 0,
    changes,
    statuses,
    codes,
    tell: (command) => void child.send(command),
    async snapshot() {
      const number = snapshots.length;
      child.send('snapshot');
      await until(() => snapshots.length > number);
      return snapshots[number] as CircuitSnapshot;
    },
    call,
    kill,
  };
}

/** Starts several such processes. */
export function startFleet(
  size: number,
  optionsOf: (number: number) => ApiOptions & { readonly redis?: object },
): Promise<Member[]> {
  return Promise.all(Array.from({ length: size }, (_, number) => startMember(optionsOf(number))));
}

/** So many calls a second, one process after the other, until it is stopped. */
export function load(members: readonly Member[], perSecond: number): () => void {
  let turn = 0;
  const timer = setInterval(() => void members[turn++ % members.length]?.call(), 1000 / perSecond);
  onCleanup(() => clearInterval(timer));
  return () => clearInterval(timer);
}

/** Milliseconds between the first and the last process that has made its last change of this kind. */
export function spreadOf(members: readonly Member[], type: Change['type']): number {
  const times = members.map(
    ({ changes }) => changes.findLast((change) => change.type === type)?.at ?? Number.NaN,
  );
  return Math.max(...times) - Math.min(...times);
}
