// Runs what `npm test` runs on the Nodes that are supported, but for the oldest, or on those that are named.
// npm run test:nodes [-- VERSION ...]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { NODES, nodeBinary } from '../package/node-binary.js';

const named = process.argv.slice(2);
const { scripts } = JSON.parse(await readFile('package.json', 'utf8'));
const results: { readonly ok: boolean; readonly text: string }[] = [];

for (const version of named.length > 0 ? named : NODES.slice(1)) {
  const binary = await nodeBinary(version);
  console.log(`\nNode ${version}: ${binary}`);
  results.push(await tested(version, binary));
}
console.log(`\n${results.map(({ text }) => text).join('\n')}`);
if (!results.every(({ ok }) => ok)) process.exitCode = 1;

/** Puts this Node first on the path of the tests, and counts their results. */
async function tested(version: string, binary: string) {
  const started = performance.now();
  const env = { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` };
  const child = spawn('sh', ['-c', scripts.test], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    process.stdout.write(text);
    output += text;
  });
  const [code] = await once(child, 'close');

  const count = (outcome: string) =>
    [...output.matchAll(new RegExp(`^ +(\\d+) ${outcome}`, 'gm'))].reduce((all, [, n]) => all + Number(n), 0);
  const [passed, failed] = [count('passing'), count('failing')];
  const end = code === 0 ? '' : `, ended with ${code}`;
  const seconds = Math.round((performance.now() - started) / 1000);
  return {
    ok: code === 0 && passed > 0,
    text: `Node ${version}: ${passed} passed, ${failed} failed in ${seconds} s${end}`,
  };
}
