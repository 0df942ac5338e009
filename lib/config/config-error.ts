/** One thing that is wrong with a configuration file. */
export interface ConfigProblem {
  /** Path of the option, such as `apis.github.retry.maxAttempts`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong, starting with the path. Values from the environment and credentials are never included. */
  readonly message: string;
  /** Line in the file, counted from 1, if known. */
  readonly line?: number | undefined;
}

/** Thrown for a configuration file that cannot be used; its message lists every problem found. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'ERR_INVALID_OPTION';
  /** Every problem, in the order of the file. */
  readonly problems: readonly ConfigProblem[];

  /** @param source name of the file */
  constructor(source: string, problems: readonly ConfigProblem[]) {
    const sorted = [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    super(listOf(source, sorted));
    this.problems = sorted;
  }
}

function listOf(source: string, problems: readonly ConfigProblem[]): string {
  const [first] = problems;
  if (first && problems.length === 1) return `${source}: ${said(first)}`;
  return [`${source}: ${problems.length} problems`, ...problems.map((one) => `  ${said(one)}`)].join('\n');
}

const said = ({ line, message }: ConfigProblem) =>
  line === undefined ? message : `line ${line}: ${message}`;
