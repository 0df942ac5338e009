import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { nearestName } from '../core/options.js';

/** The options of the command line. */
export interface CommandLine {
  readonly config: string | undefined;
  readonly port: number | undefined;
  readonly host: string | undefined;
  readonly check: boolean;
  readonly demo: boolean;
  readonly demoPort: number;
  readonly accessLog: boolean;
  /** Processes that serve; `undefined` to serve in this one. */
  readonly workers: number | undefined;
  readonly help: boolean;
  readonly version: boolean;
}

/** Thrown for a command line that is not valid; its message is one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What `--help` prints. */
export const USAGE = `Usage: resilient-proxy-out --config FILE [options]

Forwards http://HOST:PORT/api/NAME/PATH to the API that FILE configures under NAME.

  --config FILE     configuration file, YAML or JSON
  --port PORT       port to listen on (8087, or server.port of the file; 0 takes a free one)
  --host HOST       address to bind to (127.0.0.1, or server.host of the file)
  --workers N       serve in N processes, or in one for each core with auto; a primary process holds what
                    they share and replaces those that die (none: serve in one process)
  --check           check the configuration, print a summary, and exit
  --demo            start a demo API as well and serve it as /api/demo; needs no FILE
  --demo-port PORT  port of the demo API (a free one)
  --access-log      log every call, not only those that fail
  --help            print this
  --version         print the version

Environment: ADMIN_TOKEN, the token for all routes but /api and /health; VIEWER_TOKEN, one for the same without
actions; ADMIN_TOKEN_FILE and VIEWER_TOKEN_FILE, files that hold them; LOG_LEVEL (info); LOG_FORMAT (pretty in a
terminal, else json). Logs go to standard error. SIGTERM lets the calls in progress end; a second one exits at once.
SIGHUP reloads FILE. With --workers, SIGUSR2 starts new workers in place of the old ones, one by one, without losing
a call. A socket of systemd (LISTEN_FDS, LISTEN_PID) is used in place of HOST and PORT.
`;

const OPTIONS = {
  config: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
  check: { type: 'boolean' },
  demo: { type: 'boolean' },
  'demo-port': { type: 'string' },
  'access-log': { type: 'boolean' },
  workers: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** Reads the arguments after the program's name. @throws UsageError */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') {
      const meant = LIKE_A_FILE.test(token.value) ? ` (did you mean --config ${token.value}?)` : '';
      throw new UsageError(`Unexpected argument ${JSON.stringify(token.value)}${meant}`);
    }
    if (token.kind === 'option') checkOption(token.name, token.rawName, token.value);
  }
  const { config, host } = values;
  const line: CommandLine = {
    config: typeof config === 'string' ? config : undefined,
    host: typeof host === 'string' ? host : undefined,
    port: portOf('--port', values.port),
    check: values.check === true,
    demo: values.demo === true,
    demoPort: portOf('--demo-port', values['demo-port']) ?? 0,
    accessLog: values['access-log'] === true,
    workers: workersOf(values.workers),
    help: values.help === true,
    version: values.version === true,
  };
  if (!line.config && !line.demo && !line.help && !line.version) {
    throw new UsageError('--config FILE is missing (--demo alone serves a demo API)');
  }
  return line;
}

const LIKE_A_FILE = /^[\w./~-]+\.(?:ya?ml|json)$/i;

/** What an unknown option probably is: a letter stands for the first name that begins with it. */
function optionLike(name: string): string | undefined {
  const known = Object.keys(OPTIONS);
  return name.length === 1 ? known.find((one) => one.startsWith(name)) : nearestName(name, known);
}

function checkOption(name: string, rawName: string, value: string | undefined): void {
  const known = Object.keys(OPTIONS).find((one) => one === name);
  if (!known) {
    const near = optionLike(name);
    throw new UsageError(`Unknown option ${rawName}${near ? ` (did you mean --${near}?)` : ''}`);
  }
  const { type } = OPTIONS[known as keyof typeof OPTIONS];
  if (type === 'boolean' && value !== undefined) throw new UsageError(`${rawName} takes no value`);
  // Without strict parsing an option takes the next option as its value.
  if (type === 'string' && (!value || value.startsWith('--')))
    throw new UsageError(`${rawName} needs a value`);
}

function portOf(option: string, text: string | boolean | undefined): number | undefined {
  if (typeof text !== 'string') return undefined;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`${option} must be a whole number from 0 to 65535; received ${JSON.stringify(text)}`);
}

const MAX_WORKERS = 512;

function workersOf(text: string | boolean | undefined): number | undefined {
  if (typeof text !== 'string') return undefined;
  if (text === 'auto') return availableParallelism();
  const count = Number(text);
  if (/^\d{1,3}$/.test(text) && count >= 1 && count <= MAX_WORKERS) return count;
  throw new UsageError(
    `--workers must be auto or a whole number from 1 to ${MAX_WORKERS}; received ${JSON.stringify(text)}`,
  );
}
