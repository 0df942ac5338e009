import * as z from 'zod';
import type { TransitionReason } from '../../circuit-state.js';
import type { SharedState } from '../store.js';

const reason = z.enum([
  'failures in a row',
  'failure ratio',
  'slow call ratio',
  'reset timeout passed',
  'probe failed',
  'probes succeeded',
  'forced',
  'reset',
] satisfies TransitionReason[]);

const count = z.number().nonnegative();

// Lua knows no difference between an empty list and an empty object.
const causes = z.record(z.string(), count).catch({});

const text = z.object({
  version: z.string(),
  kind: z.enum(['OPEN', 'CLOSED']),
  by: z.string(),
  reason,
  failures: count.default(0),
  cause: z.string().default(''),
  causes: causes.default({}),
  last: z.string().optional(),
  /** By the clock of Redis; missing if it was forced open. */
  due: z.number().optional(),
  /** How long that was when it was written: the clock of Redis may have gone back since. */
  openFor: z.number().optional(),
  reopened: count.default(0),
  passed: count.default(0),
});

/**
 * Reads a state.
 * @param now the time of Redis when it was read
 * @returns `undefined` where there is none, or nobody can read it
 */
export function readState(json: string, now: number): SharedState | undefined {
  if (json === '' || !Number.isFinite(now)) return undefined;
  let parsed: ReturnType<typeof text.safeParse>;
  try {
    parsed = text.safeParse(JSON.parse(json));
  } catch {
    return undefined;
  }
  if (!parsed.success) return undefined;
  const { due, openFor = Number.POSITIVE_INFINITY, last, ...state } = parsed.data;
  const dueInMs = due === undefined ? Number.POSITIVE_INFINITY : Math.min(Math.max(0, due - now), openFor);
  return { ...state, lastFailure: last, dueInMs };
}

/** A message of the channel: the key of a circuit's state, the time of Redis, and the state. */
export function readMessage(message: string): { key: string; state: SharedState } | undefined {
  const [key = '', now = '', ...rest] = message.split('\n');
  const state = readState(rest.join('\n'), Number(now));
  return state && { key, state };
}

/** The state as text, without the time at which it is due. */
export function writeState({ dueInMs: _, lastFailure, ...state }: SharedState): string {
  return JSON.stringify({ ...state, last: lastFailure });
}
