// Checks for the programs that the tests talk to. Installs missing ones if it may (root on Debian, or a CI user with
// sudo), otherwise prints in one line what to install.
import { execFileSync, spawnSync } from 'node:child_process';

/** Program and its Debian package. */
const NEEDED = {
  openssl: 'openssl',
  'redis-server': 'redis-server',
  tinyproxy: 'tinyproxy',
  chromium: 'chromium',
  curl: 'curl',
  nginx: 'nginx',
  danted: 'dante-server',
  squid: 'squid',
  haproxy: 'haproxy',
  prometheus: 'prometheus',
  promtool: 'prometheus',
};

// Debian's folder of nginx, which is not on every user's path.
const PATH = `${process.env.PATH}:/usr/sbin`;
const has = (program) => spawnSync('which', [program], { env: { PATH } }).status === 0;

/** Prefix of a command that may install; nothing if it may not. */
function installer() {
  if (!has('apt-get')) return undefined;
  if (process.getuid?.() === 0) return [];
  // A developer's own machine is not changed without asking: the message below says what to do.
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

// The variable names another browser.
const missing = Object.entries(NEEDED).filter(
  ([program]) => !has(program) && !(program === 'chromium' && process.env.CHROMIUM),
);
if (missing.length > 0) install(missing.map(([, name]) => name));
