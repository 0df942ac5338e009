import { execFile } from 'node:child_process';
import { expect } from 'chai';

/** A command of a page, and the words that its output must contain. */
export interface ShownCommand {
  readonly command: string;
  readonly words: readonly string[];
}

const COMMENTED = /^(.*?\S)\s+# (.*)$/;
const FUNCTION = /^\w+\(\) \{/;

/**
 * The commands of a block, one per line. In a comment `# 200 hit: told from memory` the words before the colon must
 * be in the output; a comment without a colon is not checked.
 */
export function commandsOf(block: string): ShownCommand[] {
  const lines = block.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const functions = lines.filter((line) => FUNCTION.test(line));
  return lines
    .filter((line) => !FUNCTION.test(line))
    .map((line) => {
      const [, command = line, comment = ''] = COMMENTED.exec(line) ?? [];
      const [promise = '', explanation] = comment.split(': ');
      const words = explanation === undefined ? [] : promise.split(/\s+/);
      return { command: [...functions, command].join('\n'), words };
    });
}

/** Runs commands in order, as a user would type them. @throws if an output is not what its comment says */
export async function expectOutputs(commands: readonly ShownCommand[]): Promise<void> {
  for (const { command, words } of commands) {
    const output = await outputOf(command);
    for (const word of words) expect(output.toLowerCase(), command).to.include(word.toLowerCase());
  }
}

function outputOf(command: string): Promise<string> {
  return new Promise((done) => {
    execFile('sh', ['-c', command], { timeout: 20_000 }, (_error, stdout, stderr) => done(stdout + stderr));
  });
}
