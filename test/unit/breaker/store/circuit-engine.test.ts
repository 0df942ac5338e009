import { expect } from 'chai';
import { CircuitEngine } from '../../../../lib/breaker/store/circuit-engine.js';
import { CIRCUIT_SCRIPTS, type CircuitScript } from '../../../../lib/breaker/store/redis/scripts.js';
import { readState } from '../../../../lib/breaker/store/redis/state-text.js';
import type { SharedState } from '../../../../lib/breaker/store/store.js';
import { onCleanup } from '../../../support/cleanup.js';
import { startRedis } from '../../../support/redis.js';
import { until } from '../../../support/until.js';

type Args = readonly (string | number)[];

/** A place where the state of a circuit is kept. */
interface Place {
  /** Runs a script. @returns the state after it, and what else it tells */
  run(script: CircuitScript, ...args: Args): Promise<{ state: SharedState | undefined; more: number }>;
  /** States that all processes were told, as `kind reason`. */
  readonly told: string[];
}

const RULES = {
  failureThreshold: 5,
  quorum: 1,
  failureRatio: false,
  minimumRequests: 10,
  windowMs: 10_000,
  keptMs: 60_000,
  openForMs: 0,
};

/** What one process has seen, as it tells it. */
function seen(id: string, { rules = {}, ...more }: { rules?: object; [name: string]: unknown } = {}): string {
  const nothing = { failures: 0, total: 0, failed: 0, causes: {}, windowCauses: {} };
  return JSON.stringify({ id, by: `host:${id}`, ...nothing, ...more, rules: { ...RULES, ...rules } });
}

const failures = (count: number) => ({ failures: count, total: count, failed: count, last: 'status 503' });
const PROBES = ['2', 1000, 2, 3000] as const;

/** What both keep to: an engine that differs would make circuits behave differently with and without Redis. */
function contract(start: () => Promise<Place>): void {
  it('knows nothing at first', async () => {
    const { run, told } = await start();
    expect(await run('read')).to.deep.equal({ state: undefined, more: 0 });
    expect(told).to.deep.equal([]);
  });

  it('opens by the failures of one process', async () => {
    const { run, told } = await start();
    expect((await run('report', seen('1', failures(4)))).state).to.equal(undefined);
    const { state } = await run('report', seen('1', { ...failures(5), causes: { 'status 503': 5 } }));
    expect(state).to.deep.include({
      kind: 'OPEN',
      by: 'host:1',
      reason: 'failures in a row',
      failures: 5,
      causes: { 'status 503': 5 },
      lastFailure: 'status 503',
      reopened: 0,
      passed: 0,
    });
    expect(state?.cause).to.match(/^after 5 failures/);
    await until(() => told.length === 1);
    expect(told).to.deep.equal(['OPEN failures in a row']);
  });

  it('opens by the failures of several processes, each counted once', async () => {
    const { run } = await start();
    await run('report', seen('1', failures(1)));
    await run('report', seen('1', failures(2)));
    await run('report', seen('2', failures(2)));
    expect((await run('read')).state).to.equal(undefined);
    const { state } = await run('report', seen('3', failures(1)));
    expect(state).to.include({ kind: 'OPEN', by: 'host:3', cause: 'after 5 failures in 3 processes' });
  });

  it('tells the causes of all the failures that it opens by', async () => {
    const { run } = await start();
    const of = (count: number, causes: object) => ({ ...failures(count), causes });
    await run('report', seen('1', of(1, { timeout: 1 })));
    await run('report', seen('1', of(2, { timeout: 1, reset: 1 })));
    await run('report', seen('2', of(2, { 'status 503': 2 })));
    const { state } = await run('report', seen('3', of(1, { timeout: 1 })));
    expect(state).to.deep.include({ failures: 5, causes: { timeout: 2, reset: 1, 'status 503': 2 } });
  });

  it('forgets a process whose calls succeed again, and one that leaves', async () => {
    const { run } = await start();
    for (const id of ['1', '2']) await run('report', seen(id, failures(2)));
    await run('report', seen('1'));
    await run('forget', '2');
    expect((await run('report', seen('3', failures(4)))).state).to.equal(undefined);
    expect((await run('report', seen('1', failures(1)))).state?.kind).to.equal('OPEN');
  });

  it('opens by the failure ratio of all, once there were enough attempts', async () => {
    const { run } = await start();
    const rules = { failureRatio: 0.5 };
    const of = (total: number, failed: number, windowCauses: object) => ({
      ...{ failures: 1, total, failed, causes: { reset: 1 }, windowCauses, rules },
    });
    await run('report', seen('1', of(6, 3, { timeout: 2, reset: 1 })));
    expect((await run('read')).state).to.equal(undefined);
    const { state } = await run('report', seen('2', of(4, 2, { reset: 2 })));
    expect(state).to.include({ kind: 'OPEN', reason: 'failure ratio', failures: 5 });
    expect(state?.causes).to.deep.equal({ timeout: 2, reset: 3 });
    expect(state?.cause).to.equal('after 5 of 10 attempts failed in 2 processes');
  });

  it('opens where a process has opened its own', async () => {
    const { run } = await start();
    const trip = { reason: 'slow call ratio', cause: 'after 5 of 10 calls were slow' };
    await run('report', seen('2', { ...failures(1), causes: { reset: 1 } }));
    const { state } = await run('report', seen('1', { total: 10, trip, causes: { slow: 5 } }));
    expect(state).to.deep.include({ kind: 'OPEN', ...trip, causes: { slow: 5 } });
  });

  it('takes no reports while it is open, and none from before once it has closed', async () => {
    const { run } = await start();
    await run('report', seen('1', failures(5)));
    const { state } = await run('report', seen('2', failures(4)));
    expect(state).to.include({ by: 'host:1', failures: 5 });
    await run('force', 'close', 'host:1', 0);
    expect((await run('report', seen('3', failures(4)))).state).to.include({ kind: 'CLOSED' });
  });

  it('gives the right to probe to one process at a time', async () => {
    const { run } = await start();
    expect((await run('take', '1', 60_000)).more).to.equal(0);
    await run('report', seen('1', failures(5)));
    expect((await run('take', '1', 60_000)).more).to.equal(1);
    expect((await run('take', '2', 60_000)).more).to.be.within(-60_000, -1);
    expect((await run('take', '1', 60_000)).more).to.equal(1);
    await run('release', '2');
    expect((await run('take', '2', 60_000)).more).to.be.below(0);
    await run('release', '1');
    expect((await run('take', '2', 60_000)).more).to.equal(1);
  });

  it('gives it to nobody before the circuit is due, nor where it was forced open', async () => {
    const { run } = await start();
    await run('report', seen('1', { ...failures(5), rules: { openForMs: 60_000 } }));
    const { state, more } = await run('take', '1', 1000);
    expect(more).to.equal(0);
    expect(state?.dueInMs).to.be.within(1, 60_000);
    const forced = await run('force', 'open', 'host:2', 3);
    expect(forced.state).to.include({ kind: 'OPEN', by: 'host:2', reason: 'forced', failures: 3 });
    expect(forced.state?.dueInMs).to.equal(Number.POSITIVE_INFINITY);
    expect((await run('take', '1', 1000)).more).to.equal(0);
  });

  it('closes after enough probes, of whichever processes', async () => {
    const { run, told } = await start();
    const { state } = await run('report', seen('1', failures(5)));
    const version = state?.version ?? '';
    const after = await run('probed', 'host:1', version, 'ok', ...PROBES, '');
    expect(after.state).to.include({ kind: 'OPEN', passed: 1, version });
    const closed = await run('probed', 'host:2', version, 'ok', ...PROBES, '');
    expect(closed.state).to.include({ kind: 'CLOSED', by: 'host:2', reason: 'probes succeeded' });
    await until(() => told.length === 2);
    expect(told).to.deep.equal(['OPEN failures in a row', 'CLOSED probes succeeded']);
  });

  it('closes at once where a process has seen enough by itself', async () => {
    const { run } = await start();
    const { state } = await run('report', seen('1', failures(5)));
    const closed = await run('probed', 'host:1', state?.version ?? '', 'closes', ...PROBES, '');
    expect(closed.state).to.include({ kind: 'CLOSED', reason: 'probes succeeded' });
  });

  it('opens for longer with each probe that fails, up to the longest time', async () => {
    const { run } = await start();
    let { state } = await run('report', seen('1', failures(5)));
    const dueInMs: number[] = [];
    for (const last of ['timeout', '', 'reset']) {
      const failed = await run('probed', 'host:2', state?.version ?? '', 'failed', ...PROBES, last);
      expect(failed.state?.version).not.to.equal(state?.version);
      ({ state } = failed);
      dueInMs.push(Math.round((state?.dueInMs ?? 0) / 100) * 100);
    }
    expect(dueInMs).to.deep.equal([2000, 3000, 3000]);
    expect(state).to.include({ kind: 'OPEN', by: 'host:2', reason: 'probe failed', reopened: 3, passed: 0 });
    expect(state?.lastFailure).to.equal('reset');
    expect(state?.failures).to.equal(5);
  });

  it('takes no result of a probe from before the last change', async () => {
    const { run } = await start();
    const { state } = await run('report', seen('1', failures(5)));
    await run('force', 'open', 'host:3', 0);
    const late = await run('probed', 'host:1', state?.version ?? '', 'closes', ...PROBES, '');
    expect(late.state).to.include({ kind: 'OPEN', reason: 'forced' });
    await run('force', 'reset', 'host:3', 0);
    const later = await run('probed', 'host:1', late.state?.version ?? '', 'failed', ...PROBES, '');
    expect(later.state).to.include({ kind: 'CLOSED', reason: 'reset', by: 'host:3' });
  });
}

describe('CircuitEngine', () => {
  function startEngine(clock?: () => number) {
    const told: string[] = [];
    const engine = new CircuitEngine((_key, now, text) => {
      const state = readState(text, now);
      told.push(`${state?.kind} ${state?.reason}`);
    }, clock);
    const at = async (key: string, script: CircuitScript, ...args: Args) => {
      const [now, text, more] = engine.run(script, key, args);
      return { state: readState(text, now), more };
    };
    const run = (script: CircuitScript, ...args: Args) => at('circuit', script, ...args);
    return { run, at, told };
  }

  contract(async () => startEngine());

  it('forgets what a process has said, and its right, when their time is up', async () => {
    let now = 1000;
    const { run } = startEngine(() => now);
    await run('report', seen('1', failures(4)));
    now += RULES.keptMs + 1;
    expect((await run('report', seen('2', failures(1)))).state).to.equal(undefined);
    await run('report', seen('2', failures(5)));
    await run('take', '1', 1000);
    now += 600;
    await run('renew', '2', 1000);
    await run('renew', '1', 1000);
    now += 999;
    expect((await run('take', '2', 1000)).more).to.equal(-1);
    now += 1;
    expect((await run('take', '2', 1000)).more).to.equal(1);
  });

  it('counts for the ratio what is in the window of a process', async () => {
    let now = 1000;
    const { run } = startEngine(() => now);
    const rules = { failureRatio: 0.5 };
    await run('report', seen('1', { failures: 1, total: 8, failed: 8, rules }));
    now += RULES.windowMs + 1;
    const few = await run('report', seen('2', { failures: 1, total: 4, failed: 4, rules }));
    expect(few.state).to.equal(undefined);
    const enough = await run('report', seen('2', { failures: 1, total: 10, failed: 5, rules }));
    expect(enough.state?.cause).to.equal('after 5 of 10 attempts failed in 2 processes');
  });

  it('needs no quorum: what one process of a machine sees holds for all', async () => {
    const { run } = startEngine();
    const { state } = await run('report', seen('1', { ...failures(5), rules: { quorum: 3 } }));
    expect(state).to.include({ kind: 'OPEN', cause: 'after 5 failures' });
  });

  it('forgets circuits that nobody uses when there are too many, open ones last', async () => {
    const { at } = startEngine();
    await at('open', 'force', 'open', 'host:1', 0);
    await at('closed', 'force', 'close', 'host:1', 0);
    for (let i = 0; i < 10_000; i++) await at(`${i}`, 'read');
    expect((await at('open', 'read')).state).to.include({ kind: 'OPEN' });
    expect((await at('closed', 'read')).state).to.equal(undefined);
  });
});

describe('the scripts of redisCircuits(), which do the same', () => {
  contract(async () => {
    const { control } = await startRedis();
    const told: string[] = [];
    const subscriber = control.duplicate();
    onCleanup(() => subscriber.disconnect());
    await subscriber.subscribe('channel');
    subscriber.on('message', (_channel, message: string) => {
      const [, now, ...text] = message.split('\n');
      const state = readState(text.join('\n'), Number(now));
      told.push(`${state?.kind} ${state?.reason}`);
    });
    return {
      told,
      async run(script, ...args) {
        const keys = ['state', 'reports', 'probe'];
        const reply = await control.eval(CIRCUIT_SCRIPTS[script], 3, ...keys, 'channel', ...args);
        const [now = 0, text = '', more = 0] = Array.isArray(reply) ? reply : [];
        return { state: readState(String(text), Number(now)), more: Number(more) };
      },
    };
  });
});
