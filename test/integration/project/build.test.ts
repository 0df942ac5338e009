import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

describe('the build', () => {
  it('has source maps that lead to its sources', async () => {
    const files = await readdir('dist', { recursive: true });
    // What is made by the build itself has no source.
    const scripts = files.filter((path) => path.endsWith('.js') && !/client|packages/.test(path));
    expect(scripts.length).to.be.above(30);
    const found = new Set<string>();
    const astray = [];
    for (const script of scripts) {
      const path = join('dist', script);
      const map = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(await readFile(path, 'utf8'))?.[1] ?? 'none';
      const { sources } = JSON.parse(await readFile(join(dirname(path), map), 'utf8'));
      const paths = sources.filter(Boolean).map((source: string) => join(dirname(path), source));
      if (!paths.every(existsSync)) astray.push(path);
      for (const source of paths) found.add(source);
    }
    expect(astray).to.deep.equal([]);
    expect(found.size).to.be.above(300);
    expect([...found]).to.include.members(['lib/cache/cache.ts', 'lib/upstream/undici/transport.ts']);
  });
});
