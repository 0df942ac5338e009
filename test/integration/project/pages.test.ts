import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parse } from 'yaml';
import { parseConfig } from '../../../lib/config/load-config.js';
import { onCleanup } from '../../support/cleanup.js';
import { blocksOf, compiledPages, nameOf, pages, TEST_RUNNERS_PAGE } from '../../support/pages.js';

const exec = promisify(execFile);

/** Values for every variable that the pages' configurations ask for. */
const ENV = {
  GATE_PASSWORD: 'password',
  BIRDEYE_API_KEY: 'key',
  GITHUB_TOKEN: 'token',
  WEATHER_KEY: 'key',
  LLM_KEY: 'key',
  PROXY_PASSWORD: 'password',
  REDIS_URL: 'redis://redis:6379',
  PROXY_URLS: 'http://exit.example:3128',
};

const blocks = (await Promise.all((await pages()).map(blocksOf))).flat();
const inLanguage = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language));

describe('the pages', () => {
  it('lead nowhere but to what is there', async () => {
    const astray = [];
    for (const page of await pages()) {
      const text = (await readFile(page, 'utf8')).replaceAll(/^```.*?^```$/gms, '');
      const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)];
      for (const [, link = '', attribute = ''] of links) {
        const [path = '', anchor] = (link || attribute).split('#');
        if (/^[a-z]+:/.test(path)) continue;
        const target = path === '' ? page : join(dirname(page), path);
        if (!existsSync(target)) astray.push(`${page}: ${path}`);
        else if (anchor && !(await anchorsOf(target)).includes(anchor))
          astray.push(`${page}: ${path}#${anchor}`);
      }
    }
    expect(astray).to.deep.equal([]);
  });

  it('have a README of fewer than 200 lines', async () => {
    expect((await readFile('README.md', 'utf8')).split('\n').length).to.be.below(200);
  });

  it('name the language of each block, and none that nothing checks', () => {
    const checked = ['ts', 'js', 'yaml', 'json', 'sh', 'nginx', 'lua', 'text'];
    const others = blocks.filter(({ page, language }) => {
      const isRun = page === TEST_RUNNERS_PAGE && language === 'javascript';
      return language !== '' && !checked.includes(language) && !isRun;
    });
    expect(others.map(({ page, line, language }) => `${page}:${line} ${language}`)).to.deep.equal([]);
  });

  it('show programs that compile in strict mode against the package', async () => {
    expect((await compiledPages()).objections).to.equal('');
  }).timeout(120_000);

  for (const block of inLanguage('yaml')) {
    const { page, line, text } = block;
    const services: unknown = parse(text)?.services;
    // Compose has a test of its own.
    if (services !== undefined) continue;
    it(`show a configuration that loads: ${page}:${line} ${nameOf(block) ?? ''}`, () => {
      const { config, warnings } = parseConfig(text, { env: ENV });
      expect(Object.keys(config.apis)).to.not.be.empty;
      expect(warnings).to.deep.equal([]);
    });
  }

  for (const { page, line, text } of inLanguage('json')) {
    it(`show JSON that is some: ${page}:${line}`, () => {
      JSON.parse(text);
    });
  }

  for (const { page, line, text } of inLanguage('sh')) {
    it(`show commands that a shell can read: ${page}:${line}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'rpo-sh-'));
      onCleanup(() => rm(folder, { recursive: true }));
      await writeFile(join(folder, 'commands'), text);
      await exec('sh', ['-n', join(folder, 'commands')]);
    });
  }
});

/** What GitHub makes of the headings of a page. */
async function anchorsOf(page: string): Promise<string[]> {
  const text = (await readFile(page, 'utf8')).replaceAll(/^```.*?^```$/gms, '');
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
