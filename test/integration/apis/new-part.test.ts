import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Handler } from '../../../lib/core/exchange.js';
import type { ApiOptions, ManyApisConfig } from '../../../lib/index.js';
import { onCleanup } from '../../support/cleanup.js';
import { call, open, responseOf } from '../../support/client.js';
import { serve } from '../../support/serve.js';
import type { ToyHandler, ToyOptions } from '../../support/toy/toy-part.js';
import { sourcesWithToy } from '../../support/toy/with-toy.js';
import { until } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

type Lib = typeof import('../../../lib/index.js');
type GatewayLib = typeof import('../../../lib/gateway/gateway.js') &
  typeof import('../../../lib/gateway/logger.js');
type SchemaLib = typeof import('../../../lib/config/json-schema.js');
type ToyApi = ApiOptions & { toy?: ToyOptions | false };

/** Compares the copy with the sources. */
async function changedFiles(copy: string, folder = 'lib'): Promise<string[]> {
  const entries = await readdir(join(copy, folder), { withFileTypes: true });
  const changed = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return changedFiles(copy, path);
      const before = await readFile(path, 'utf8').catch(() => undefined);
      return before === (await readFile(join(copy, path), 'utf8')) ? [] : [path];
    }),
  );
  return changed.flat().sort();
}

describe('a new part', function newPart() {
  this.timeout(180_000);
  let copy = '';
  let remove = async (): Promise<void> => {};
  let lib: Lib;

  before(async () => {
    ({ path: copy, remove } = await sourcesWithToy());
    lib = await load('lib/index.ts');
  });
  after(() => remove());

  // It has the types of the sources, and those of the part beside them.
  const load = async <T>(path: string): Promise<T> =>
    (await import(pathToFileURL(join(copy, path)).href)) as T;

  async function start(apis: Record<string, ToyApi>, more: Partial<ManyApisConfig> = {}) {
    const proxy = lib.resilientProxy({ ...more, apis });
    onCleanup(() => proxy.close());
    const { url } = await serve(proxy, { upgrade: proxy.upgrade });
    const toyOf = (name: string): ToyHandler => Reflect.get(proxy.apis.get(name) ?? {}, 'toy');
    return { proxy, url, toyOf };
  }

  it('touches three files outside its room', async () => {
    expect(await changedFiles(copy)).to.deep.equal([
      'lib/apis/build-api.ts',
      'lib/apis/part-list.ts',
      'lib/index.ts',
      'lib/toy/toy-part.ts',
    ]);
  });

  it('has exact types, in options and on an API', async () => {
    await writeFile(
      join(copy, 'types.ts'),
      `import { resilientProxy, type Api, type ApiOptions, type CacheHandler, type OwnStage, type PartName, type ToyHandler } from './lib/index.js';
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
export const checks: [Same<Api['toy'], ToyHandler | undefined>, Same<Api['cache'], CacheHandler | undefined>] = [true, true];
export const name: PartName = 'toy';
export const stage: OwnStage = { after: 'toy', handler: (_req, _res, next) => next() };
export const options: ApiOptions = { toy: { word: 'hi' } };
// @ts-expect-error the word is a string
export const wrong: ApiOptions = { toy: { word: 1 } };
// @ts-expect-error the name is that of the API
export const named: ApiOptions = { toy: { name: 'x' } };
export const proxy = resilientProxy({ name: 'x', target: 'http://localhost', toy: false });
`,
    );
    const tsconfig = {
      extends: './tsconfig.json',
      include: ['types.ts'],
      compilerOptions: { types: ['node'] },
    };
    await writeFile(join(copy, 'tsconfig.types.json'), JSON.stringify(tsconfig));
    const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', 'tsconfig.types.json'], {
      cwd: copy,
    }).catch((error: { stdout: string }) => error);
    expect(stdout).to.equal('');
  });

  it('has its options checked in code', async () => {
    const target = 'http://127.0.0.1:9';
    const refusals: [toy: unknown, message: string][] = [
      [{ wrod: 'hi' }, 'apis.x.toy.wrod is not an option of apis.x.toy (did you mean word?)'],
      [{ name: 'hi' }, 'apis.x.toy.name is not an option of apis.x.toy'],
      [{ word: 1 }, 'apis.x.toy.word must be a string; received 1'],
      [{ word: 'rude' }, 'apis.x.toy.word must be polite; received "rude"'],
      ['on', 'apis.x.toy must be an object of options, true or false; received "on"'],
    ];
    for (const [toy, message] of refusals)
      expect(() => lib.resilientProxy({ apis: { x: { target, toy } as ApiOptions } })).to.throw(message);
    const misplaced = { apis: { x: { target, word: 'hi' } as ApiOptions } };
    expect(() => lib.resilientProxy(misplaced)).to.throw('did you mean toy.word?');
  });

  it('has its options checked in a file, and in the schema for editors', async () => {
    const file = (block: string) => `apis: { x: { target: "http://127.0.0.1:9", toy: ${block} } }`;
    const { config } = lib.parseConfig(file(`{ word: "\${WORD}" }`), { env: { WORD: 'hi' } });
    expect(config.apis.x).to.have.deep.property('toy', { word: 'hi' });
    expect(() => lib.parseConfig(file('{ wrod: hi }'), { env: {} })).to.throw(
      /toy\.wrod .*did you mean word\?/,
    );
    expect(() => lib.parseConfig(file('{ word: rude }'), { env: {} })).to.throw(
      'apis.x.toy.word must be polite',
    );
    const { configJsonSchema } = await load<SchemaLib>('lib/config/json-schema.ts');
    const api = Object(configJsonSchema().definitions).api;
    expect(JSON.stringify(api.properties.toy)).to.include('"word":{"type":"string","default":"hello"}');
  });

  it('is made where it is on, takes defaults, and stands at its place', async () => {
    const upstream = await startUpstream(text('hello'));
    const seen: unknown[] = [];
    const note: Handler = (_req, res, next) => {
      seen.push(res.getHeader('x-toy'));
      next();
    };
    const target = upstream.url;
    const stages = [
      { after: 'retry', handler: note },
      { before: 'proxyRotate', handler: note },
    ] as const;
    const defaults = { toy: { word: 'good day' }, stages: [...stages] } as Partial<ApiOptions>;
    const { url, toyOf } = await start(
      { x: { target }, y: { target, toy: {} }, z: { target, toy: false } },
      { defaults },
    );
    expect((await call(`${url}/x/`)).headers['x-toy']).to.equal('good day from x');
    expect(seen).to.deep.equal([undefined, 'good day from x']);
    expect((await call(`${url}/y/`)).headers['x-toy']).to.equal('good day from y');
    expect((await call(`${url}/z/`)).headers['x-toy']).to.equal(undefined);
    expect(toyOf('x').greeted()).to.equal(1);
    expect([toyOf('y').box, toyOf('z')]).to.deep.equal([toyOf('x').box, undefined]);
    const wrong = { target, stages: [{ after: 'toi', handler: note }] } as unknown as ApiOptions;
    expect(() => lib.resilientProxy({ apis: { x: wrong } })).to.throw('did you mean toy?');
  });

  it('shows its status and its metrics in the gateway', async () => {
    const upstream = await startUpstream(text('hello'));
    const { createGateway } = await load<GatewayLib>('lib/gateway/gateway.ts');
    const { gatewayLogger } = await load<GatewayLib>('lib/gateway/logger.ts');
    const file = `server: { port: 0 }\napis: { x: { target: "${upstream.url}", toy: {} }, y: { target: "${upstream.url}" } }`;
    const loaded = lib.parseConfig(file, { env: {} });
    const gateway = createGateway({ ...loaded, logger: gatewayLogger('silent', { write: () => {} }) });
    onCleanup(() => gateway.close());
    const url = await gateway.listen();
    await call(`${url}/api/x/`);
    const { toys, timestamp } = Object((await call(`${url}/toy-status`)).json());
    expect(toys).to.deep.equal([{ api: 'x', greeted: 1 }]);
    expect(timestamp).to.be.closeTo(Date.now(), 60_000);
    expect((await call(`${url}/metrics`)).text).to.include('resilient_proxy_toy_greetings_total{api="x"} 1');
  });

  it('is replaced by an update where its options or what it is made from change, and closed after its last call', async () => {
    let finish = () => {};
    const upstream = await startUpstream([
      (_req, res) => {
        finish = () => res.end('hello');
      },
      text('hello'),
    ]);
    const x: ToyApi = { target: upstream.url, toy: { word: 'one' } };
    const { proxy, url, toyOf } = await start({ x });
    const first = toyOf('x');
    expect(proxy.update({ apis: { x: { ...x, toy: { word: 'one' } } as ApiOptions } }).changed).to.deep.equal(
      {},
    );
    const waiting = open(`${url}/x/`);
    await until(() => upstream.requests.length === 1);
    const report = proxy.update({ apis: { x: { ...x, toy: { word: 'two' } } as ApiOptions } });
    expect(report.changed).to.deep.equal({ x: ['toy'] });
    expect([first.box.open, first.box.unlisted]).to.deep.equal([2, ['x']]);
    expect((await call(`${url}/x/`)).headers['x-toy']).to.equal('two from x');
    finish();
    expect((await responseOf(await waiting)).headers['x-toy']).to.equal('one from x');
    await until(() => first.box.open === 1);
    const headers = { 'X-Key': 'other' };
    const other = { x: { ...x, toy: { word: 'two' }, headers } as ApiOptions };
    expect(proxy.update({ apis: other }).changed.x).to.include.members(['toy', 'forward']);
    expect(proxy.update({ apis: { x: { ...other.x, toy: false } as ApiOptions } }).changed).to.deep.equal({
      x: ['toy'],
    });
    await until(() => first.box.open === 0);
  });

  it('that cannot be made leaves everything as it was', async () => {
    const target = 'http://127.0.0.1:9';
    const x: ToyApi = { target, toy: { word: 'one' }, cache: {}, rateLimit: {} };
    const { proxy, toyOf } = await start({ x });
    const { box } = toyOf('x');
    const before = { ...proxy.apis.get('x') };
    const circuits = proxy.circuits.list().map(({ circuit }) => circuit);
    const apis = {
      x: { ...x, toy: { word: 'two' }, breaker: { failureThreshold: 2 } },
      a: x,
      z: { target, toy: { word: 'fault' } },
    } as Record<string, ApiOptions>;
    expect(() => proxy.update({ apis })).to.throw('This toy cannot be made');
    expect({ ...proxy.apis.get('x') }).to.deep.equal(before);
    expect(toyOf('x')).to.equal(Reflect.get(before, 'toy'));
    expect([...proxy.apis.keys()]).to.deep.equal(['x']);
    expect(proxy.circuits.list().map(({ circuit }) => circuit)).to.deep.equal(circuits);
    expect(box.open).to.equal(1);
    expect(() => lib.resilientProxy({ apis })).to.throw('This toy cannot be made');
  });

  it('is closed with the proxy, and what all of them share after it', async () => {
    const target = 'http://127.0.0.1:9';
    const { proxy, toyOf } = await start({ x: { target, toy: {} }, y: { target, toy: {} } });
    const { box } = toyOf('x');
    expect([box.open, box.closed]).to.deep.equal([2, false]);
    await proxy.close();
    await proxy.close();
    expect([box.open, box.closed]).to.deep.equal([0, true]);
  });
});
