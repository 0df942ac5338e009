import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { onCleanup } from '../../support/cleanup.js';
import { type CallOptions, call } from '../../support/client.js';
import { buildGateway } from '../../support/gateway-program.js';
import { rawCall } from '../../support/raw-client.js';
import { startRedis } from '../../support/redis.js';
import { runGateway } from '../../support/run-gateway.js';
import { until } from '../../support/until.js';
import { text as responds, startUpstream, status, type UpstreamResponse } from '../../support/upstream.js';

const WITHIN_MS = 10_000;

/** Serves whoever brings the right key. */
const guarded: UpstreamResponse = (req, res) => {
  const knows = req.headers['x-api-key'] === 'right';
  res.writeHead(knows ? 200 : 401, { 'www-authenticate': 'ApiKey error="expired"' }).end();
};

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'drill-'));
  onCleanup(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** What somebody on call has: the log, `/health` and `/metrics`. */
function operatorOf(url: string) {
  const get = (path: string, options?: CallOptions) => call(`${url}${path}`, options);
  const health = async () => Object((await get('/health?verbose=1')).json());
  return {
    get,
    health,
    /** The sentences of `/health` about what is wrong now. */
    problems: async (): Promise<string[]> => (await health()).problems,
    /** The value of a series; `undefined` where there is none. */
    series: async (name: string) => {
      const line = (await get('/metrics')).text.split('\n').find((one) => one.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length));
    },
  };
}

/** Waits until the operator sees a problem that matches. */
async function problem({ problems }: Pick<Operator, 'problems'>, pattern: RegExp): Promise<string> {
  let found: string | undefined;
  const giveUpAt = performance.now() + WITHIN_MS;
  while (found === undefined && performance.now() < giveUpAt)
    found = (await problems()).find((one) => pattern.test(one));
  expect(found, `a problem ${pattern} among ${JSON.stringify(await problems())}`).to.be.a('string');
  return String(found);
}

/** Waits until nothing is wrong: workers take a change a moment later. */
async function solved({ problems }: Pick<Operator, 'problems'>): Promise<void> {
  const giveUpAt = performance.now() + WITHIN_MS;
  while ((await problems()).length > 0 && performance.now() < giveUpAt);
  expect(await problems()).to.deep.equal([]);
}

type Operator = ReturnType<typeof operatorOf>;

interface StartOptions {
  readonly args?: string[];
  /** Descriptor that the log goes to. */
  readonly log?: number;
}

/** The gateway in a process of its own, with the file that it was started with. */
async function startGateway(text: string, { args = [], log }: StartOptions = {}) {
  const file = join(temporaryFolder(), 'apis.yaml');
  const write = (now: string) => writeFileSync(file, `server: { port: 0, drainDelayMs: 0 }\n${now}`);
  write(text);
  const gateway = await runGateway(['--config', file, ...args], {
    env: { LOG_LEVEL: 'info' },
    ...(log !== undefined && { log }),
  });
  const told = async (pattern: RegExp) => {
    const find = () => gateway.logs.find(({ msg }) => pattern.test(String(msg)));
    await until(() => find() !== undefined, `a line ${pattern}`, WITHIN_MS);
    return Object(find());
  };
  return { ...operatorOf(gateway.url), gateway, file, write, told };
}

/** A log on a disk that has no room left; on `/dev/full`, whose room never comes back, where nothing may be mounted. */
function fullDisk(): { fd: number; makeRoom?: () => string } {
  const folder = temporaryFolder();
  const opened = (path: string) => {
    const fd = openSync(path, 'a');
    onCleanup(() => closeSync(fd));
    return fd;
  };
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', folder], { stdio: 'ignore' });
  } catch {
    return { fd: opened('/dev/full') };
  }
  onCleanup(() => execFileSync('umount', ['-l', folder]));
  const [log, other] = [join(folder, 'gateway.log'), join(folder, 'other')];
  const fd = opened(log);
  expect(() => writeFileSync(other, Buffer.alloc(64 * 1024))).to.throw('ENOSPC');
  return {
    fd,
    makeRoom() {
      rmSync(other);
      return log;
    },
  };
}

describe('on call, with the log, /health and /metrics alone, one is led to', function onCall() {
  this.timeout(120_000);
  before(buildGateway);

  for (const workers of [[], ['--workers', '2']]) {
    const how = workers.length > 0 ? ' (with workers)' : '';

    it(`an API key that is wrong${how}`, async () => {
      const api = await startUpstream(guarded);
      const text = (key: string) => `apis: { x: { target: "${api.url}", headers: { X-Api-Key: ${key} } } }`;
      const { get, told, problems, series, write, ...operator } = await startGateway(text('wr0ngKey'), {
        args: workers,
      });
      for (let i = 0; i < 9; i++) expect((await get(`/api/x/${i}`)).status).to.equal(401);
      const line = await told(/refuses the credential/);
      expect(line).to.include({ level: 'warn', api: 'x', status: 401, challenge: 'ApiKey error="expired"' });
      expect(line.msg).to.match(
        /^"x" refuses the credential that its configuration adds \(x-api-key\): status 401 to \d calls in a row$/,
      );
      expect(await problem({ problems }, /refuses the credential/)).to.match(
        /^"x" refuses the credential that its configuration adds \(x-api-key\): status 401 to \d calls in a row$/,
      );
      expect(await series('resilient_proxy_calls_total{api="x",method="GET",code="401"}')).to.equal(9);
      expect(JSON.stringify([operator.gateway.logs, await problems()])).not.to.include('wr0ngKey');
      write(text('right'));
      await told(/configuration reloaded/);
      await solved({ problems });
      const isAccepted = () =>
        operator.gateway.logs.some(({ msg }) => msg === '"x" accepts the credential again');
      const giveUpAt = performance.now() + WITHIN_MS;
      while (!isAccepted() && performance.now() < giveUpAt) await get('/api/x/a');
      expect(isAccepted()).to.equal(true);
    });

    it(`callers that use the old name of an API${how}`, async () => {
      const api = await startUpstream(responds('ok'));
      const named = (name: string) => `apis: { ${name}: { target: "${api.url}" } }`;
      const { get, told, problems, series, write } = await startGateway(named('weather'), { args: workers });
      expect((await get('/api/weather/a')).status).to.equal(200);
      write(named('weather-v2'));
      await told(/configuration reloaded/);
      const giveUpAt = performance.now() + WITHIN_MS;
      while ((await get('/api/weather-v2/a')).status !== 200 && performance.now() < giveUpAt);
      for (let i = 0; i < 4; i++) expect((await get('/api/weather/a')).status).to.equal(404);
      const line = await told(/"weather" is called/);
      expect(line).to.include({
        level: 'warn',
        name: 'resilient-proxy-out',
        api: 'weather',
        client: '127.0.0.1',
      });
      const sentence =
        /^"weather" is called, and no API has this name: a reload has removed it at \S+Z, and added "weather-v2"/;
      expect(line.msg).to.match(sentence);
      expect(await problem({ problems }, sentence)).to.match(
        /; \d calls?, the last at \S+Z from 127\.0\.0\.1$/,
      );
      const unknown = 'resilient_proxy_errors_total{api="(unknown)",code="ERR_UNKNOWN_API"}';
      expect(await series(unknown)).to.be.at.least(4);
    });
  }

  it('a name that was changed before the start, or mistyped', async () => {
    const api = await startUpstream(responds('ok'));
    const { get, told, problems } = await startGateway(`apis: { weather: { target: "${api.url}" } }`);
    expect((await get('/api/wheather/a')).status).to.equal(404);
    const sentence = /^"wheather" is called, and no API has this name \(did you mean "weather"\?\)/;
    await told(sentence);
    await problem({ problems }, sentence);
  });

  it('a WebSocket to a name that no API has', async () => {
    const { gateway, told, problems } = await startGateway(
      'apis: { weather: { target: "http://127.0.0.1:9" } }',
    );
    const handshake =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const response = await rawCall(
      gateway.port,
      `GET /api/wheather/live HTTP/1.1\r\nHost: localhost\r\n${handshake}\r\n`,
    );
    expect(response).to.match(/^HTTP\/1\.1 404 .*ERR_UNKNOWN_API/s);
    const sentence = /^"wheather" is called, and no API has this name \(did you mean "weather"\?\)/;
    expect(await told(sentence)).to.include({ calls: 1 });
    await problem({ problems }, sentence);
  });

  it('a Redis that is dead', async () => {
    const api = await startUpstream(responds('ok'));
    const redis = await startRedis();
    const { get, told, health, problems, series } = await startGateway(
      `redis: "${redis.url}"\napis: { x: { target: "${api.url}", rateLimit: { limit: 1000 } } }`,
    );
    expect((await get('/api/x/a')).status).to.equal(200);
    await redis.kill();
    const { redis: state } = await told(
      /^Redis (has closed the connection|refuses connections) .*: this process uses its own memory$/,
    );
    expect(state).to.include({ state: 'down' });
    await problem(
      { problems },
      /^Redis refuses connections \(ECONNREFUSED\): this process uses its own memory$/,
    );
    expect((await health()).redis).to.include({ state: 'down', reason: 'ECONNREFUSED' });
    expect(await series('resilient_proxy_redis_up')).to.equal(0);
    expect((await get('/api/x/a')).status).to.equal(200);
    await redis.restart();
    await told(/in use again/);
    await solved({ problems });
  });

  it('a configuration file that was not taken', async () => {
    const api = await startUpstream(responds('ok'));
    const text = (limit: string) => `apis: { x: { target: "${api.url}", rateLimit: { limit: ${limit} } } }`;
    const { get, told, health, problems, series, write } = await startGateway(text('10'));
    write(text('many'));
    const line = await told(/was not reloaded, the one before stays/);
    expect(line).to.include({ level: 'error' });
    expect(line.msg).to.match(/apis\.x\.rateLimit\.limit .*received "many"/);
    expect((await health()).config.lastReload).to.include({ ok: false });
    expect(await problem({ problems }, /not reloaded/)).to.match(
      /^the configuration was not reloaded at \S+Z, the one before stays: .*apis\.x\.rateLimit\.limit .*"many"/,
    );
    expect(await series('resilient_proxy_config_last_reload_success')).to.equal(0);
    expect(await series('resilient_proxy_config_reloads_total{result="failed"}')).to.equal(1);
    expect((await get('/api/x/a')).status).to.equal(200);
    write(text('20'));
    await told(/configuration reloaded/);
    await solved({ problems });
  });

  it('a disk of the log that is full', async () => {
    const api = await startUpstream(status(503));
    const { fd, makeRoom } = fullDisk();
    const text = `apis: { x: { target: "${api.url}", retry: false, breaker: false } }`;
    const { get, health, problems, series } = await startGateway(text, { log: fd });
    for (let i = 0; i < 3; i++) expect((await get('/api/x/a')).status).to.equal(503);
    await problem(
      { problems },
      /^the log cannot be written \(ENOSPC: its disk is full\): 3 lines were dropped so far$/,
    );
    expect((await health()).log).to.include({ problem: 'ENOSPC', droppedLines: 3 });
    expect(await series('resilient_proxy_log_lines_dropped_total')).to.equal(3);
    if (!makeRoom) return;
    const path = makeRoom();
    const lines = () => readFileSync(path, 'utf8').split('\n');
    await get('/api/x/a');
    await until(() =>
      lines().some((line) => line.includes('3 log lines could not be written: writing failed with ENOSPC')),
    );
    await solved({ problems });
  });

  it('all of it at once, each by a sentence of its own', async () => {
    const api = await startUpstream(guarded);
    const redis = await startRedis();
    const text = `redis: "${redis.url}"\napis: { x: { target: "${api.url}", headers: { X-Api-Key: wrong } } }`;
    const { fd } = fullDisk();
    const { get, problems, write } = await startGateway(text, { log: fd });
    for (let i = 0; i < 3; i++) await get('/api/x/a');
    await get('/api/old/a');
    await redis.kill();
    write(`${text}\nnonsense: true`);
    for (const pattern of [/was not reloaded/, /^Redis refuses/, /^the log cannot be written/])
      await problem({ problems }, pattern);
    const all = await problems();
    const order = [
      'the configuration was not reloaded at ',
      'Redis refuses connections (ECONNREFUSED)',
      'the log cannot be written (ENOSPC: its disk is full)',
      'refuses the credential that its configuration adds ',
      'is called, and no API has this name',
    ];
    expect(all).to.have.length(order.length);
    const recipe = readFileSync('recipes/on-call.md', 'utf8');
    for (const [i, words] of order.entries()) {
      expect(all[i]).to.include(words);
      expect(recipe).to.include(words);
    }
  });
});
