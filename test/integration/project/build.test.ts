import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

describe('the build', () => {
  it('has source maps that lead to its sources', async () => {
    const files = await readdir('dist', { recursive: true });
    const scripts = files.filter((path) => path.endsWith('.js') && !path.includes('client'));
    expect(scripts.length).to.be.above(100);
    const astray = [];
    for (const script of scripts) {
      const path = join('dist', script);
      const map = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(await readFile(path, 'utf8'))?.[1] ?? 'none';
      const { sources } = JSON.parse(await readFile(join(dirname(path), map), 'utf8'));
      if (!sources.every((source: string) => existsSync(join(dirname(path), source)))) astray.push(path);
    }
    expect(astray).to.deep.equal([]);
  });
});
