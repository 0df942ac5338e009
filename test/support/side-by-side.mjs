// Runs scripts of package.json side by side: most of the tests' time is waiting. The output of the first comes as it is
// written, that of the others when they are over; it fails where one of them has.
// node test/support/side-by-side.mjs SCRIPT[,SCRIPT...] ...   (scripts with commas between run one after the other)
import { spawn } from 'node:child_process';

/** @returns its exit code */
function run(script, live) {
  const child = spawn('npm', ['run', '--silent', script], {
    stdio: ['ignore', live ? 'inherit' : 'pipe', live ? 'inherit' : 'pipe'],
  });
  const chunks = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => chunks.push(chunk));
  return new Promise((done) => {
    child.on('close', (code) => {
      for (const chunk of chunks) process.stdout.write(chunk);
      done(code ?? 1);
    });
  });
}

async function runInTurn(scripts, live) {
  let worst = 0;
  for (const script of scripts) {
    const code = await run(script, live);
    if (code !== 0) console.error(`npm run ${script} failed`);
    worst = Math.max(worst, code);
  }
  return worst;
}

const chains = process.argv.slice(2).map((chain) => chain.split(','));
const codes = await Promise.all(chains.map((scripts, i) => runInTurn(scripts, i === 0)));
process.exitCode = Math.max(...codes);
