import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';

const page = await readFile('CONTRIBUTING.md', 'utf8');

/** The block of text below a heading. */
function blockBelow(heading: string): string[] {
  const [, after = ''] = page.split(`## ${heading}\n`);
  return (/```text\n(.*?)```/s.exec(after)?.[1] ?? '').trimEnd().split('\n');
}

describe('CONTRIBUTING.md', () => {
  it('shows the layout in at most 30 lines, every folder and file of it', () => {
    const lines = blockBelow('Layout');
    expect(lines.length).to.be.within(10, 30);
    const named = lines.flatMap((line) => line.slice(0, 22).match(/[\w./-]+\/|[\w-]+\.ts/g) ?? []);
    const wanting = named.filter((name) =>
      ['lib', 'lib/cache', 'lib/rate-limit', 'lib/upstream', 'lib/stats'].every(
        (folder) => !existsSync(`${folder}/${name}`),
      ),
    );
    expect(wanting).to.deep.equal([]);
  });

  it('leaves no folder of lib/ out', () => {
    const text = blockBelow('Layout').join('\n');
    const folders = readdirSync('lib', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).filter((name) => !text.includes(`${name}/`))).to.deep.equal([]);
  });

  it('tells the life of a call in at most 20 lines of list and one picture', () => {
    const [, life = ''] = page.split('## The life of a call\n');
    const [section = ''] = life.split('\n## ');
    expect(section.match(/^```text$/gm)).to.have.length(1);
    const steps = section.split('\n').filter((line) => /^\d+\. /.test(line));
    expect(steps.length).to.be.within(5, 20);
  });

  it('names scripts that there are', async () => {
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8'));
    const named = [...page.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).to.deep.equal([]);
  });

  it('gives a reason for each dependency', async () => {
    const { dependencies } = JSON.parse(await readFile('package.json', 'utf8'));
    expect(Object.keys(dependencies).filter((name) => !page.includes(name))).to.deep.equal([]);
  });
});
