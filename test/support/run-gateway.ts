import { type ChildProcess, spawn } from 'node:child_process';
import { onCleanup } from './cleanup.js';
import { GATEWAY_PROGRAM } from './gateway-program.js';
import { until } from './until.js';

const PATIENCE_MS = 15_000;

/** The gateway as a program. */
export interface RunningGateway {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly url: string;
  readonly port: number;
  /** Log lines on standard error. */
  readonly logs: Record<string, unknown>[];
  /** Processes that serve, in the order in which they began to; those that have ended are among them. */
  readonly workers: number[];
  readonly ended: Promise<number | string | null>;
}

export interface RunOptions {
  env?: Record<string, string>;
  detached?: boolean;
  activated?: Activation | undefined;
  /** Descriptor that the log goes to, in place of {@link RunningGateway.logs}. */
  log?: number;
}

/** A start by a `.socket` unit of systemd. */
export interface Activation {
  /** Descriptor of the socket, which is handed over at once. */
  readonly socket: number;
  /** When it is to start. */
  readonly at?: Promise<unknown>;
}

// The process that systemd starts becomes the program, and keeps its id.
const ACTIVATED =
  'read go; LISTEN_FDS=1 LISTEN_FDNAMES=gateway.socket LISTEN_PID=$$ exec "$0" "$@" </dev/null';

/** Runs the program until it has printed its URL. */
export async function runGateway(
  args: readonly string[],
  { env = {}, detached = false, activated, log }: RunOptions = {},
): Promise<RunningGateway> {
  const program = [process.execPath, ...GATEWAY_PROGRAM, ...args];
  const [command = '', ...words] = activated ? ['sh', '-c', ACTIVATED, ...program] : program;
  const child = spawn(command, words, {
    env: { PATH: process.env.PATH, LOG_LEVEL: 'debug', ...env },
    stdio: [activated ? 'pipe' : 'ignore', 'pipe', log ?? 'pipe', ...(activated ? [activated.socket] : [])],
    detached,
  });
  onCleanup(() => child.kill('SIGKILL'));
  await activated?.at;
  child.stdin?.end('go\n');
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const ended = new Promise<number | string | null>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  const url = () => / listens on (http:\S+|a Unix socket)\n/.exec(output.stdout)?.[1];
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  await until(() => url() !== undefined || isOver, 'a URL', PATIENCE_MS);
  if (url() === undefined) throw new Error(`It ended: ${output.stderr}`);
  const logs = (): Record<string, unknown>[] =>
    output.stderr
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  return {
    child,
    pid: Number(child.pid),
    url: String(url()),
    port: Number(/:(\d+)$/.exec(String(url()))?.[1]),
    get logs() {
      return logs();
    },
    get workers() {
      return logs()
        .filter(({ msg }) => msg === 'a worker serves')
        .map(({ worker }) => Number(worker));
    },
    ended,
  };
}

/** Whether a process runs. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
