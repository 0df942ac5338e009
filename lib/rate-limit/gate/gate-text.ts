import type { GateState } from './gate-state.js';

const PHASES: readonly GateState['phase'][] = ['free', 'counting', 'probing'];
const VERSION = 3;

/** A gate's state as a text for Redis. */
export function encodeGate(state: GateState): string {
  return JSON.stringify([
    VERSION,
    PHASES.indexOf(state.phase),
    state.window,
    // JSON has no infinity.
    Number.isFinite(state.remaining) ? state.remaining : null,
    state.flight,
    state.passed,
    Math.round(state.startedAt),
    Number.isFinite(state.endsAt) ? Math.round(state.endsAt) : null,
    state.limit ?? null,
    state.advertisedLimit ? 1 : 0,
    state.windowMs === undefined ? null : Math.round(state.windowMs),
    state.slackMs,
    state.overrun ? 1 : 0,
    state.growth,
    state.cost,
    state.peak,
    state.refillPerMs,
    Math.round(state.filledAt),
    state.seenWaitMs,
    state.charged,
    Number.isFinite(state.toldMark) ? state.toldMark : null,
    state.variance,
    state.costs,
    state.margin,
  ]);
}

/** The state of a text; `undefined` if no gate has written it. */
export function decodeGate(text: string): GateState | undefined {
  const values = parse(text);
  if (values?.length !== 24 || values[0] !== VERSION) return undefined;
  const number = (at: number): number => Number(values[at] ?? Number.NaN);
  const optional = (at: number): number | undefined => (values[at] === null ? undefined : number(at));
  const phase = PHASES[number(1)];
  const state = {
    window: number(2),
    remaining: optional(3) ?? Number.POSITIVE_INFINITY,
    flight: number(4),
    passed: number(5),
    startedAt: number(6),
    endsAt: optional(7) ?? Number.POSITIVE_INFINITY,
    limit: optional(8),
    windowMs: optional(10),
    slackMs: number(11),
    growth: number(13),
    cost: number(14),
    peak: number(15),
    refillPerMs: number(16),
    filledAt: number(17),
    seenWaitMs: number(18),
    charged: number(19),
    toldMark: optional(20) ?? Number.NEGATIVE_INFINITY,
    variance: number(21),
    costs: number(22),
    margin: number(23),
  };
  if (phase === undefined || Object.values(state).some(Number.isNaN)) return undefined;
  return { ...state, phase, advertisedLimit: values[9] === 1, overrun: values[12] === 1 };
}

function parse(text: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
