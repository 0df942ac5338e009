// Sees to the programs that the tests talk to. Installs what is missing where it may (root on Debian),
// else says in one line what to install.
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
const missing = Object.entries(NEEDED).filter(
  ([program]) => spawnSync('which', [program], { env: { PATH } }).status !== 0,
);
if (missing.length > 0) {
  const packages = missing.map(([, name]) => name);
  const mayInstall = process.getuid?.() === 0 && spawnSync('which', ['apt-get']).status === 0;
  if (!mayInstall) {
    console.error(`The tests need ${packages.join(', ')}: install it with your system's package manager.`);
    process.exit(1);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit', env });
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
    stdio: 'inherit',
    env,
  });
}
