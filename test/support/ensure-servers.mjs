// Sees to the programs that the tests talk to. Installs what is missing where it may (root on Debian, or a CI's user who
// has sudo there), else says in one line what to install.
import { execFileSync, spawnSync } from 'node:child_process';

/** Program and the Debian package that holds it. */
const NEEDED = {
  openssl: 'openssl',
  'redis-server': 'redis-server',
  tinyproxy: 'tinyproxy',
  chromium: 'chromium',
  curl: 'curl',
  nginx: 'nginx',
};

// Where Debian keeps nginx, which is not on the path of every user.
const PATH = `${process.env.PATH}:/usr/sbin`;
const has = (program) => spawnSync('which', [program], { env: { PATH } }).status === 0;

/** What a command begins with that may install, or nothing where none may. */
function installer() {
  if (!has('apt-get')) return undefined;
  if (process.getuid?.() === 0) return [];
  // Nobody's own machine is changed without a word: there the message below says what to do.
  if (process.env.CI && spawnSync('sudo', ['-n', 'true']).status === 0) return ['sudo', '-n'];
  return undefined;
}

function install(packages) {
  const before = installer();
  if (before === undefined) {
    console.error(`The tests need ${packages.join(', ')}: install it with your system's package manager.`);
    process.exit(1);
  }
  const aptGet = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const [program, ...rest] = [...before, ...aptGet, ...args];
    execFileSync(program, rest, { stdio: 'inherit' });
  }
}

// The variable names a browser in place of the one that is looked for.
const missing = Object.entries(NEEDED).filter(
  ([program]) => !has(program) && !(program === 'chromium' && process.env.CHROMIUM),
);
if (missing.length > 0) install(missing.map(([, name]) => name));
