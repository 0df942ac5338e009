// Changes the code in one place at a time and looks whether the unit tests notice: the mutants that survive show what
// is not tested. It takes minutes for each area and is no part of `npm run check`.
// npm run mutants [-- AREA ...]
import { Stryker } from '@stryker-mutator/core';
import { areas } from './areas.mjs';

/** Share of the mutants that the tests must kill, in each area. */
const LEAST = 0.85;

const named = process.argv.slice(2);
const unknown = named.filter((name) => !Object.hasOwn(areas, name));
if (unknown.length > 0) {
  console.error(`No area ${unknown.join(', ')}; there are ${Object.keys(areas).join(', ')}`);
  process.exit(1);
}

const scores = [];
for (const name of named.length > 0 ? named : Object.keys(areas)) {
  const { mutate, tests } = areas[name];
  const results = await new Stryker({
    configFile: 'test/mutants/stryker.config.json',
    mutate,
    mutants: { tests },
    jsonReporter: { fileName: `reports/mutants/${name}.json` },
    htmlReporter: { fileName: `reports/mutants/${name}.html` },
  }).runMutationTest();
  scores.push([name, ...scoreOf(results)]);
}
for (const [name, killed, all] of scores) {
  const share = ((100 * killed) / all).toFixed(1);
  console.log(`${name}: ${killed} of ${all} mutants killed, ${share} %`);
  if (killed / all < LEAST) process.exitCode = 1;
}

/** Those that run into a time limit are killed, too; those that make no program are not counted. */
function scoreOf(results) {
  const count = (...statuses) => results.filter(({ status }) => statuses.includes(status)).length;
  const killed = count('Killed', 'Timeout');
  return [killed, killed + count('Survived', 'NoCoverage')];
}
