import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import {
  DryRunStatus,
  determineHitLimitReached,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner';
import Mocha from 'mocha';

/**
 * Runs mocha for Stryker, in one process for many mutants, each with the tests that reach it. Stryker's own runner reads
 * files of mocha that its version 12 has no more; this one uses what mocha documents.
 */
class MochaTestRunner {
  static inject = tokens(commonTokens.options);
  /** What the instrumented code writes into, and reads which mutant it is to be. */
  #instrumenter;
  #tests;
  #mocha;
  #results = [];
  #coverPerTest = false;

  constructor(options) {
    this.#tests = options.mutants.tests;
    globalThis.__stryker__ ??= {};
    this.#instrumenter = globalThis.__stryker__;
  }

  // What was imported stays: for a mutant that acts while it is loaded Stryker begins another process.
  capabilities = async () => ({ reloadEnvironment: false });

  async init() {
    const runner = this;
    this.#mocha = new Mocha({ timeout: 0, reporter: reporterFor((result) => this.#results.push(result)) });
    this.#mocha.cleanReferencesAfterRun(false);
    for (const file of this.#tests.flatMap(testsIn)) this.#mocha.addFile(file);
    this.#mocha.suite.beforeEach(function coverTest() {
      if (runner.#coverPerTest) runner.#instrumenter.currentTestId = this.currentTest?.fullTitle();
    });
  }

  async dryRun({ coverageAnalysis, disableBail }) {
    this.#coverPerTest = coverageAnalysis === 'perTest';
    const result = await this.#run(disableBail);
    this.#coverPerTest = false;
    if (result.status !== DryRunStatus.Complete) return result;
    return { ...result, mutantCoverage: this.#instrumenter.mutantCoverage };
  }

  async mutantRun({ activeMutant, testFilter, disableBail, hitLimit, mutantActivation }) {
    this.#instrumenter.hitLimit = hitLimit;
    this.#instrumenter.hitCount = hitLimit ? 0 : undefined;
    if (mutantActivation === 'static') this.#instrumenter.activeMutant = activeMutant.id;
    const names = testFilter?.map((name) => name.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&'));
    this.#mocha.grep(names ? new RegExp(`^(?:${names.join('|')})$`) : /^/);
    return toMutantRunResult(await this.#run(disableBail, activeMutant.id));
  }

  async #run(disableBail, mutant) {
    setBail(this.#mocha.suite, !disableBail);
    this.#results = [];
    try {
      await this.#load();
      this.#instrumenter.activeMutant = mutant;
      await new Promise((done) => this.#mocha.run(done));
    } catch (error) {
      return { status: DryRunStatus.Error, errorMessage: String(error?.stack ?? error) };
    }
    const { hitCount, hitLimit } = this.#instrumenter;
    return (
      determineHitLimitReached(hitCount, hitLimit) ?? { status: DryRunStatus.Complete, tests: this.#results }
    );
  }

  /** Once: later runs find all of it loaded. */
  #load() {
    this.loaded ??= this.#mocha.loadFilesAsync();
    return this.loaded;
  }
}

function setBail(suite, bail) {
  suite.bail(bail);
  for (const inner of suite.suites) setBail(inner, bail);
}

function testsIn(folderOrFile) {
  if (folderOrFile.endsWith('.ts')) return [folderOrFile];
  const names = readdirSync(folderOrFile, { recursive: true }).map(String).sort();
  return names.filter((name) => name.endsWith('.test.ts')).map((name) => join(folderOrFile, name));
}

function reporterFor(report) {
  return class StrykerReporter {
    constructor(runner) {
      let since = performance.now();
      const tell = (name, more) => {
        const now = performance.now();
        report({ id: name, name, timeSpentMs: Math.round(now - since), ...more });
        since = now;
      };
      runner.on('pass', (test) =>
        tell(test.fullTitle(), { status: TestStatus.Success, fileName: test.file }),
      );
      runner.on('fail', (test, error) => {
        const failureMessage = error?.message || String(error);
        // What looks at the whole process at its end would blame one mutant for what another has done.
        if (test.type === 'hook' && test.parent?.root && test.title.includes('after all')) return;
        tell(test.ctx?.currentTest?.fullTitle() ?? test.fullTitle(), {
          status: TestStatus.Failed,
          failureMessage,
        });
      });
    }
  };
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'mocha-esm', MochaTestRunner)];

/** The option that it takes. */
export const strykerValidationSchema = {
  properties: {
    mutants: {
      type: 'object',
      properties: { tests: { type: 'array', items: { type: 'string' } } },
      required: ['tests'],
    },
  },
};
