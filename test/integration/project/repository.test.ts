import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { NODES } from '../../package/node-binary.js';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly steps: readonly Step[];
  readonly strategy?: { readonly matrix: { readonly node: readonly number[] } };
}

const readYaml = async (path: string) => parse(await readFile(path, 'utf8'));
const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'));
const majorOf = (version: string) => Number.parseInt(version, 10);

async function jobs(): Promise<Readonly<Record<string, Job>>> {
  return (await readYaml('.github/workflows/ci.yml')).jobs;
}

/** Settings of the section `[*]`. */
async function editorConfig(): Promise<Readonly<Record<string, string>>> {
  const [, everywhere = ''] =
    /^\[\*\]\n(.*?)(?=^\[|$(?![\s\S]))/ms.exec(await readFile('.editorconfig', 'utf8')) ?? [];
  return Object.fromEntries(
    everywhere
      .trim()
      .split('\n')
      .map((line) => line.split(' = ')),
  );
}

describe('.github/workflows/ci.yml', () => {
  it('tests on every Node that the package claims to support', async () => {
    const { check } = await jobs();
    expect(check?.strategy?.matrix.node).to.deep.equal(NODES.map(majorOf));
    expect(`${(await readJson('package.json')).engines.node}.0`).to.equal(`>=${NODES[0]}`);
  });

  it('runs commands that are there', async () => {
    const { scripts } = await readJson('package.json');
    const commands = Object.values(await jobs()).flatMap(({ steps }) =>
      steps.flatMap(({ run }) => run ?? []),
    );
    expect(commands).to.include('.ci/run').and.to.include('npm run test:nodes');
    for (const command of commands) {
      const script = /^npm run (\S+)$/.exec(command)?.[1];
      expect(script === undefined ? existsSync(command) : script in scripts, command).to.equal(true);
    }
  });

  it('may read the repository and nothing else, with actions of a known version', async () => {
    const workflow = await readYaml('.github/workflows/ci.yml');
    expect(workflow.permissions).to.deep.equal({ contents: 'read' });
    const steps = Object.values(await jobs()).flatMap((job) => job.steps);
    const actions = steps.flatMap(({ uses }) => uses ?? []);
    expect(actions.filter((action) => !/^actions\/[\w-]+@v\d+$/.test(action))).to.deep.equal([]);
    const checkouts = steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    expect(checkouts.map((step) => step.with?.['persist-credentials'])).to.deep.equal([false, false]);
  });
});

describe('the pages, examples and settings', () => {
  it('hold no marks of a merge that was left half done', async () => {
    const names = (await readdir('.', { recursive: true })).filter(
      (name) => /\.(md|ya?ml|json|html|css|svg)$/.test(name) && !/(^|\/)(node_modules|dist)\//.test(name),
    );
    expect(names).to.include.members(['CHANGELOG.md', 'docs/caching.md']);
    const marked = [];
    for (const name of names) {
      if (/^(<{7}|={7}|>{7})( |$)/m.test(await readFile(name, 'utf8'))) marked.push(name);
    }
    expect(marked).to.deep.equal([]);
  });
});

describe('.github/dependabot.yml', () => {
  it('leaves alone what is held back for a reason, and nothing that is not used', async () => {
    const { updates } = await readYaml('.github/dependabot.yml');
    const { dependencies, devDependencies } = await readJson('package.json');
    const ignored: string[] = updates
      .flatMap(({ ignore = [] }) => ignore)
      .map((rule: Readonly<Record<string, string>>) => rule['dependency-name']);
    expect(ignored).to.include('undici');
    expect(ignored.filter((name) => !(name in { ...dependencies, ...devDependencies }))).to.deep.equal([]);
  });
});

describe('.github/ISSUE_TEMPLATE', () => {
  it('has forms that name each answer once, and pages that are there', async () => {
    const folder = '.github/ISSUE_TEMPLATE';
    for (const name of (await readdir(folder)).filter((file) => file !== 'config.yml')) {
      const { body } = await readYaml(join(folder, name));
      const ids: string[] = body.flatMap(({ id }: { readonly id?: string }) => id ?? []);
      expect([ids.length > 0, new Set(ids).size], name).to.deep.equal([true, ids.length]);
      const pages = (await readFile(join(folder, name), 'utf8')).match(/[\w/-]+\.md\b/g) ?? [];
      expect(
        pages.filter((page) => !existsSync(page)),
        name,
      ).to.deep.equal([]);
    }
  });

  it('sends whoever has found a security problem to SECURITY.md', async () => {
    const { blank_issues_enabled: blank, contact_links: links } = await readYaml(
      '.github/ISSUE_TEMPLATE/config.yml',
    );
    expect([blank, links.length]).to.deep.equal([false, 1]);
    expect(links[0].about).to.include('SECURITY.md');
    expect(existsSync('SECURITY.md')).to.equal(true);
  });
});

describe('.editorconfig', () => {
  it('says what biome.json says', async () => {
    const { formatter } = await readJson('biome.json');
    const config = await editorConfig();
    expect([config.indent_style, config.indent_size, config.max_line_length]).to.deep.equal([
      formatter.indentStyle,
      String(formatter.indentWidth),
      String(formatter.lineWidth),
    ]);
  });
});
