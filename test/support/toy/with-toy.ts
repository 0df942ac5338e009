import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Puts a text in front of another one that stands once in a file. */
type Edit = readonly [before: string, text: string];

/** All that a new part touches outside its room: the list of the parts, the order of the stages, the exports. */
export const EDITS: Readonly<Record<string, readonly Edit[]>> = {
  'lib/apis/part-list.ts': [
    [
      "import type { ForwardHandler } from '../upstream/forward.js';",
      "import { type ToyHandler, type ToyOptions, toyPart } from '../toy/toy-part.js';\n",
    ],
    [
      '  /**\n   * Sends requests through egress proxies.',
      "  /**\n   * Greets.\n   * @default off\n   */\n  toy?: Omit<ToyOptions, 'name'> | false;\n",
    ],
    [
      '  /** `undefined` unless the configuration turned it on. */\n  readonly proxyRotate:',
      '  /** `undefined` unless the configuration turned it on. */\n  readonly toy: ToyHandler | undefined;\n',
    ],
    ['  proxyRotate: proxyRotatePart,\n', '  toy: toyPart,\n'],
  ],
  'lib/apis/build-api.ts': [["      ['proxyRotate', parts.proxyRotate],\n", "      ['toy', parts.toy],\n"]],
  'lib/index.ts': [
    [
      "export { type TracingHandler, tracing } from './tracing/tracing.js';",
      "export type { ToyHandler, ToyOptions } from './toy/toy-part.js';\n",
    ],
  ],
};

/** A copy of the sources with another part in it. */
export async function sourcesWithToy(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'rpo-toy-'));
  for (const name of ['lib', 'dashboards', 'package.json', 'tsconfig.json'])
    await cp(name, join(path, name), { recursive: true });
  await symlink(resolve('node_modules'), join(path, 'node_modules'));
  const room = await readFile('test/support/toy/toy-part.ts', 'utf8');
  await cp('test/support/toy/toy-part.ts', join(path, 'lib/toy/toy-part.ts'));
  await writeFile(join(path, 'lib/toy/toy-part.ts'), room.replaceAll("'../../../lib/", "'../"));
  for (const [file, edits] of Object.entries(EDITS)) {
    let text = await readFile(file, 'utf8');
    for (const [before, more] of edits) {
      const parts = text.split(before);
      if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places for a part: ${before}`);
      text = parts.join(more + before);
    }
    await writeFile(join(path, file), text);
  }
  return { path, remove: () => rm(path, { recursive: true }) };
}
