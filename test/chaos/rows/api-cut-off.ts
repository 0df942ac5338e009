import { startRedis } from '../../support/redis.js';
import { circuitEvents } from '../kit/circuits.js';
import { eventually, type Fleet, startFleet } from '../kit/fleet.js';
import { startLoad } from '../kit/load.js';
import { now, pass } from '../kit/now.js';
import { startRelay } from '../kit/relay.js';
import { type Check, hard, row as rowOf } from '../kit/row.js';
import { startChaosUpstream } from '../kit/upstream.js';

const PROCESSES = 4;
const CUT_OFF_MS = 5000;
const RESET_MS = 1000;

/** Processes that share circuits, each with a network of its own between it and the API. */
async function scene() {
  const [{ url }, upstream] = [await startRedis(), await startChaosUpstream({ delayMs: 5 })];
  const member = async () => {
    const relay = await startRelay(upstream.port);
    const breaker = { resetTimeoutMs: RESET_MS, requestTimeoutMs: 1500 };
    const apis = { x: { target: relay.url, breaker } };
    return { relay, fleet: await startFleet({ processes: 1, config: { redis: url, apis } }) };
  };
  const members = await Promise.all(Array.from({ length: PROCESSES }, member));
  const known = async ({ fleet }: { fleet: Fleet }) =>
    (await fleet.processes[0]?.health())?.redis?.processes === PROCESSES;
  await eventually('the processes to see each other', 15_000, async () =>
    (await Promise.all(members.map(known))).every(Boolean),
  );
  return members;
}

/** When a circuit opened or closed last; a failed probe opens it once more. */
const lastOf = (fleet: Fleet, kind: 'open' | 'close') =>
  Math.max(0, ...circuitEvents(fleet, kind).map(({ at }) => at));

/** One of them cannot reach the API any more, in two ways. */
export const row = rowOf('one of 4 cut off from the API', scene, async (members) => {
  const targets = members.flatMap(({ fleet }) => fleet.urls);
  const [cutOff] = members;
  const opened = (from: number) =>
    members.map(({ fleet }) => circuitEvents(fleet, 'open').filter(({ at }) => at > from).length > 0);
  const load = await startLoad({ rate: 500, targets, mix: [{ kind: 'x', share: 1, path: '/api/x/{n}' }] });
  const checks: Check[] = [];
  for (const [way, fault] of [
    ['refused', { kind: 'reset', afterBytes: 0 }],
    ['silent', { kind: 'blackHole' }],
  ] as const) {
    await pass(1000);
    const from = now();
    cutOff?.relay.strikeAll([fault]);
    await pass(CUT_OFF_MS);
    const until = now();
    const circuits = opened(from);
    cutOff?.relay.strike([]);
    cutOff?.relay.resetAll();
    const closed = async () => members.every(({ fleet }) => lastOf(fleet, 'close') >= lastOf(fleet, 'open'));
    await eventually('its circuit to close', 10_000, closed);
    const others = (await load.ledger()).of({ from, until }).records.filter(({ target }) => target !== 0);
    const failed = others.filter(({ status }) => status !== 200).length;
    checks.push(
      hard(
        `${way}: only its own circuit opens`,
        `open: ${circuits.map((is) => (is ? 'yes' : 'no')).join(', ')}`,
        circuits.every((is, i) => is === (i === 0)),
      ),
      hard(
        `${way}: 0 failed in the others`,
        `${failed} of ${others.length}`,
        failed === 0 && others.length > 0,
      ),
    );
  }
  await load.stop();
  return checks;
});
