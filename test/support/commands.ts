import { execFile } from 'node:child_process';
import { expect } from 'chai';

/** A command of a page, and words that its comment says are in its output. */
export interface ShownCommand {
  readonly command: string;
  readonly words: readonly string[];
}

const COMMENTED = /^(.*?\S)\s+# (.*)$/;
const FUNCTION = /^\w+\(\) \{/;

/**
 * The commands of a block, one for each line. In a comment `# 200 hit: told from memory` the words before the colon are
 * those of the output; a comment without a colon promises nothing.
 */
export function commandsOf(block: string): ShownCommand[] {
  const lines = block.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const functions = lines.filter((line) => FUNCTION.test(line));
  return lines
    .filter((line) => !FUNCTION.test(line))
    .map((line) => {
      const [, command = line, comment = ''] = COMMENTED.exec(line) ?? [];
      const [promise = '', told] = comment.split(': ');
      const words = told === undefined ? [] : promise.split(/\s+/);
      return { command: [...functions, command].join('\n'), words };
    });
}

/** Runs commands one after the other, as somebody who types them. @throws where an output is not as its comment says */
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
