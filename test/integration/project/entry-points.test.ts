import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { build } from 'esbuild';

const PROGRAM = `import { Session } from 'node:inspector';
const session = new Session();
const urls = [];
session.connect();
session.on('Debugger.scriptParsed', ({ params }) => urls.push(params.url));
session.post('Debugger.enable');
const before = urls.length;
const all = await import(process.argv[1]);
await (new Function('all', 'return ' + process.argv[2]))(all);
console.log(JSON.stringify(urls.slice(before).filter((url) => /^file:|^\\//.test(url))));
process.exit();
`;

/** What Node loads for an entry point, and for what is done with it then. */
function loadedBy(
  entry: string,
  use = 'undefined',
): { files: readonly string[]; packages: readonly string[] } {
  const name = entry.replace(/^\./, 'resilient-proxy-out');
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM, name, use]);
  const files = JSON.parse(String(output)) as string[];
  const packages = files.flatMap((file) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  return { files, packages: [...new Set(packages)].sort() };
}

const FORWARD = ['http-proxy-middleware', 'httpxy'];

/** Packages of `dependencies` that each entry point loads at once, and how many files that takes with what they need. */
const AT_ONCE: Readonly<Record<string, { packages: readonly string[]; maxFiles: number }>> = {
  '.': {
    packages: ['async-retry', 'fastest-levenshtein', ...FORWARD, 'https-proxy-agent', 'lru-cache', 'tdigest'],
    maxFiles: 150,
  },
  './breaker': { packages: ['fastest-levenshtein'], maxFiles: 30 },
  './cache': { packages: ['fastest-levenshtein', 'lru-cache'], maxFiles: 40 },
  './concurrency': { packages: ['fastest-levenshtein'], maxFiles: 30 },
  './config': {
    packages: ['async-retry', 'fastest-levenshtein', ...FORWARD, 'https-proxy-agent', 'lru-cache'],
    maxFiles: 140,
  },
  './dashboards': { packages: ['fastest-levenshtein'], maxFiles: 20 },
  './explain': { packages: ['fastest-levenshtein'], maxFiles: 20 },
  './forward': { packages: ['fastest-levenshtein', ...FORWARD], maxFiles: 95 },
  './gateway': {
    packages: [
      'async-retry',
      'express',
      'fastest-levenshtein',
      ...FORWARD,
      'https-proxy-agent',
      'lru-cache',
      'pino',
      'tdigest',
    ],
    maxFiles: 330,
  },
  './metrics': { packages: ['fastest-levenshtein'], maxFiles: 20 },
  './proxy-rotate': { packages: ['fastest-levenshtein', 'https-proxy-agent'], maxFiles: 45 },
  './rate-limit': { packages: ['fastest-levenshtein'], maxFiles: 30 },
  './retry': { packages: ['async-retry', 'fastest-levenshtein'], maxFiles: 30 },
  './stats': { packages: ['fastest-levenshtein', 'tdigest'], maxFiles: 35 },
  './testing': { packages: [], maxFiles: 5 },
  './tracing': { packages: ['fastest-levenshtein'], maxFiles: 20 },
};

/** What loads a package that is not loaded at once. */
const IN_USE: readonly { entry: string; use: string; loads: string }[] = [
  { entry: './forward', use: "all.forward({ target: 'http://127.0.0.1:9' })", loads: 'undici' },
  { entry: './breaker', use: 'all.breaker(), new all.CircuitRegistry()', loads: 'brakes' },
  { entry: './metrics', use: 'all.metrics()', loads: 'prom-client' },
  { entry: './tracing', use: 'all.tracing()', loads: '@opentelemetry/api' },
  { entry: './cache', use: "all.redisStore({ redis: 'redis://127.0.0.1:9' })", loads: 'ioredis' },
  { entry: './config', use: "all.parseConfig('apis: { a: { target: http://127.0.0.1:9 } }')", loads: 'yaml' },
  {
    entry: './rate-limit',
    use: "all.rateLimit({ limit: 1, windowMs: 1000, algorithm: 'fixed' })",
    loads: 'rate-limiter-flexible',
  },
];

const MAX_CACHE_BYTES = 250_000;

describe('the entry points of the package', () => {
  let dependencies: readonly string[];
  let names: readonly string[];

  before(async () => {
    const settings = JSON.parse(await readFile('package.json', 'utf8'));
    dependencies = Object.keys(settings.dependencies);
    names = Object.keys(settings.exports);
  });

  it('are all of these, and package.json', () => {
    expect(names).to.have.members([...Object.keys(AT_ONCE), './package.json']);
  });

  for (const [entry, { packages, maxFiles }] of Object.entries(AT_ONCE)) {
    it(`load at once what ${entry} cannot do without: ${packages.length} packages`, () => {
      const loaded = loadedBy(entry);
      expect(loaded.packages.filter((name) => dependencies.includes(name))).to.have.members(packages);
      expect(loaded.files.length).to.be.below(maxFiles);
    });
  }

  for (const { entry, use, loads } of IN_USE) {
    it(`load ${loads} for ${use}`, () => {
      expect(loadedBy(entry).packages).not.to.include(loads);
      expect(loadedBy(entry, use).packages).to.include(loads);
    });
  }

  for (const path of ['', '/cache']) {
    it(`make a bundle of less than 250 kB of cache() from resilient-proxy-out${path}`, async () => {
      const { outputFiles } = await build({
        stdin: {
          contents: `import { cache } from 'resilient-proxy-out${path}'; export const handler = cache();`,
          resolveDir: '.',
        },
        bundle: true,
        minify: true,
        platform: 'node',
        format: 'esm',
        write: false,
      });
      expect(outputFiles[0]?.contents.length).to.be.within(50_000, MAX_CACHE_BYTES);
    });
  }
});

describe('package.json', () => {
  it('names the types of each entry point for resolution of before "exports", too', async () => {
    const { exports, main, types, typesVersions } = JSON.parse(await readFile('package.json', 'utf8'));
    const { '.': index, './package.json': _itself, ...others } = exports;
    expect({ types, default: main }).to.deep.equal(index);
    const expected = Object.entries<{ types: string }>(others).map(([path, to]) => [
      path.slice(2),
      [to.types],
    ]);
    expect(typesVersions).to.deep.equal({ '*': Object.fromEntries(expected) });
  });
});
