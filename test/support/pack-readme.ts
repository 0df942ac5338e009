// Has the links of README.md lead into the repository while the package is packed or published, since whoever reads them
// in the package or at npm has no docs folder beside them. Puts back what stood there.
// tsx test/support/pack-readme.ts before PID    (PID is npm's: once it has ended, README.md is as it was, whatever failed)
// tsx test/support/pack-readme.ts after
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { packedReadme } from './packed-readme.js';

const README = 'README.md';
/** The original; npm does not pack it. */
const KEPT = '.README.md.kept';

// npm runs no script of the package when it fails, or is killed, between prepack and postpack. This waits for npm to
// end.
const GUARD = `while [ -e "$1" ] && kill -0 "$0" 2> /dev/null; do sleep 0.1; done; mv -f "$1" "$2"`;

function before(npm: string | undefined): void {
  if (!/^\d+$/.test(npm ?? '')) throw new Error(`Wanted the process id of npm, got ${npm}`);
  // A crash of the machine leaves it behind.
  putBack();
  const readme = readFileSync(README, 'utf8');
  const packed = packedReadme(readme, JSON.parse(readFileSync('package.json', 'utf8')));
  if (packed === readme) return;
  renameSync(README, KEPT);
  spawn('sh', ['-c', GUARD, `${npm}`, KEPT, README], { detached: true, stdio: 'ignore' }).unref();
  writeFileSync(README, packed);
}

function after(): void {
  const { npm_command: command, npm_lifecycle_event: event } = process.env;
  // When publishing, npm reads README.md again after postpack, for the registry's own copy; postpublish follows.
  if (event === 'postpack' && command !== 'pack') return;
  putBack();
}

function putBack(): void {
  if (existsSync(KEPT)) renameSync(KEPT, README);
}

const [step, npm] = process.argv.slice(2);
if (step === 'before') before(npm);
else after();
