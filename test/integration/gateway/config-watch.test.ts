import {
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { watchConfig } from '../../../lib/gateway/config-watch.js';
import { foldersOf } from '../../../lib/gateway/file-state.js';
import { onCleanup } from '../../support/cleanup.js';
import { standstill, until } from '../../support/until.js';

/** Long enough that only what the system tells can be the reason. */
const NEVER_MS = 3_600_000;

describe('watchConfig()', () => {
  let folder = '';
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'watch-')));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const at = (name: string): string => join(folder, name);
  const put = (name: string, content: string): string => {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), content);
    return at(name);
  };
  /** Turns a link at once, as `ln -sfT` does. */
  const turn = (name: string, target: string): void => {
    symlinkSync(target, at(`${name}.new`));
    renameSync(at(`${name}.new`), at(name));
  };

  /** Watches, and waits until the system would tell. */
  async function start(files: string[], options: { pollMs?: number; deaf?: boolean } = {}) {
    const seen = { changes: 0, failures: [] as string[], folders: new Set<string>() };
    const listening = await Promise.all(files.map(foldersOf));
    const watching = watchConfig({
      files: () => files,
      changed: () => void seen.changes++,
      failed: (_error, path) => seen.failures.push(path),
      pollMs: options.pollMs ?? NEVER_MS,
      watchFolder: (path, ...rest) => {
        seen.folders.add(path);
        if (options.deaf) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        return watch(path, ...rest);
      },
    });
    onCleanup(() => watching.close());
    await until(() => listening.flat().every(({ path }) => seen.folders.has(path)));
    return seen;
  }

  it('tells of a file that is rewritten, and of one that is replaced', async () => {
    const path = put('apis.yaml', 'a');
    const seen = await start([path]);
    put('apis.yaml', 'changed');
    await until(() => seen.changes === 1);
    put('new', 'replaced');
    renameSync(at('new'), path);
    await until(() => seen.changes === 2);
  });

  it('tells of a file behind links, wherever it changes', async () => {
    put('real/apis.yaml', 'a');
    put('else/apis.yaml', 'else');
    mkdirSync(at('etc'));
    symlinkSync('../real/apis.yaml', at('etc/apis.yaml'));
    const seen = await start([at('etc/apis.yaml')]);
    put('real/apis.yaml', 'changed');
    await until(() => seen.changes === 1);
    turn('etc/apis.yaml', '../else/apis.yaml');
    await until(() => seen.changes === 2);
    put('else/apis.yaml', 'changed again');
    await until(() => seen.changes === 3);
  });

  it('tells of a folder that is a link and is turned', async () => {
    put('1/apis.yaml', 'one');
    put('2/apis.yaml', 'two');
    symlinkSync('1', at('current'));
    const seen = await start([at('current/apis.yaml')]);
    turn('current', '2');
    await until(() => seen.changes === 1);
  });

  it('tells of a volume of Kubernetes, whose file is a link through a link', async () => {
    put('..2026_1/apis.yaml', 'one');
    symlinkSync('..2026_1', at('..data'));
    symlinkSync('..data/apis.yaml', at('apis.yaml'));
    const seen = await start([at('apis.yaml')]);
    put('..2026_2/apis.yaml', 'two');
    turn('..data', '..2026_2');
    rmSync(at('..2026_1'), { recursive: true });
    await until(() => seen.changes === 1);
    expect(readlinkSync(at('..data'))).to.equal('..2026_2');
  });

  it('tells of a folder that is removed and made anew', async () => {
    put('x/apis.yaml', 'a');
    const seen = await start([at('x/apis.yaml')]);
    rmSync(at('x'), { recursive: true });
    await until(() => seen.changes === 1);
    put('x/apis.yaml', 'b');
    await until(() => seen.changes === 2);
    put('x/apis.yaml', 'changed');
    await until(() => seen.changes === 3);
  });

  it('finds a change by looking where the system tells nothing', async () => {
    const path = put('apis.yaml', 'a');
    const seen = await start([path], { pollMs: 20, deaf: true });
    put('apis.yaml', 'changed');
    await until(() => seen.changes === 1);
    expect(seen.failures, 'told once').to.deep.equal([folder]);
  });

  it('tells once of all files that have changed together, and of those that appear', async () => {
    const [path, secret] = [put('apis.yaml', 'a'), put('secrets/one', 'a')];
    const seen = await start([path, secret, at('secrets/none')]);
    put('apis.yaml', 'changed');
    put('secrets/one', 'changed');
    put('secrets/none', 'new');
    await until(() => seen.changes > 0);
    expect(await standstill(() => seen.changes)).to.equal(1);
  });

  it('looks at links that lead in a circle, and at nothing', async () => {
    symlinkSync('b', at('a'));
    symlinkSync('a', at('b'));
    const seen = await start([at('a')]);
    rmSync(at('a'));
    put('a', 'text');
    await until(() => seen.changes === 1);
  });
});
