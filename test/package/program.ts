import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onCleanup } from '../support/cleanup.js';
import { until } from '../support/until.js';

export interface ProgramOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Whether what is left over after the test is ended with all that it has started. */
  group?: boolean;
}

/** A program that runs, and what it has written. */
export interface Program {
  readonly child: ChildProcess;
  /** Standard output. */
  readonly stdout: string;
  /** Standard output and standard error, as they came. */
  readonly output: string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** Starts a program; one that is left over after the test is ended. */
export function start(command: string, args: readonly string[], options: ProgramOptions = {}): Program {
  const { cwd, env, group = false } = options;
  const child = spawn(command, args, {
    cwd,
    detached: group,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onCleanup(() => (group ? killGroup(child) : child.kill('SIGKILL')));
  let stdout = '';
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return {
    child,
    get stdout() {
      return stdout;
    },
    get output() {
      return output;
    },
    ended: once(child, 'close').then(([code, signal]) => code ?? signal),
  };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Runs a program to its end. @returns what it wrote to standard output
 * @throws with all that it wrote, where it ends with another code than 0
 */
export async function run(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const program = start(command, args, options);
  const code = await program.ended;
  if (code === 0) return program.stdout;
  throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${program.output}`);
}

/** What matches in the first lines of a program that goes on; fails when it ends before. */
export async function printed(program: Program, pattern: RegExp, withinMs = 30_000): Promise<string> {
  const { child } = program;
  const found = () => pattern.exec(program.stdout)?.[0];
  await until(() => found() !== undefined || child.exitCode !== null, `a line like ${pattern}`, withinMs);
  const text = found();
  if (text === undefined) throw new Error(`It ended with ${child.exitCode}:\n${program.output}`);
  return text;
}
