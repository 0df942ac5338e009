import fc from 'fast-check';

type Of<A> = A extends fc.Arbitrary<infer T> ? T : never;

/** Mostly the first, so that calls get far. */
function mostly<T extends string>(usual: T, ...rare: T[]): fc.Arbitrary<T> {
  const others = rare.map((value) => ({ weight: 1, arbitrary: fc.constant(value) }));
  return fc.oneof({ weight: 12 * rare.length, arbitrary: fc.constant(usual) }, ...others);
}

/** What somebody who is told of a call does to it. */
export type Deed = 'nothing' | 'leave' | 'fail' | 'throw';
const deed = mostly<Deed>('nothing', 'leave', 'fail', 'throw');
const late = mostly('at once', 'late', 'late', 'late').map((when) => when === 'late');

const answer = fc.record({
  says: mostly('permit', 'nothing', 'refusal', 'throw'),
  late,
  admit: deed,
  sending: deed,
  head: deed,
  end: deed,
});
export type Answer = Of<typeof answer>;
const choice = fc.record({ says: mostly('proxy', 'direct', 'refusal', 'throw'), late, does: deed });

export type Choice = Of<typeof choice>;

const EVENTS = [
  'connected',
  'head 200',
  'head 503',
  'head 407',
  'head of no use',
  'finished',
  'reset',
  'stale',
  'refused',
  'no proxy',
] as const;
export type Told = (typeof EVENTS)[number];
const event = fc.constantFrom(
  ...EVENTS,
  'head 200',
  'head 503',
  'head 503',
  'head 503',
  'finished',
  'no proxy',
  'no proxy',
);
const rejected = mostly('resolved', 'rejected').map((how) => how === 'rejected');

const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ does: fc.constant('tell' as const), event, back: fc.constant(0) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('tell' as const), event, back: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('resolve' as const), rejects: rejected }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constantFrom('timer' as const, 'wait' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constantFrom(
        'leave' as const,
        'fail' as const,
        'expire' as const,
        'send' as const,
        'wait' as const,
      ),
    }),
  },
);
export type Step = Of<typeof step>;

export const scenario = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  body: fc.option(fc.record({ replayable: fc.boolean() }), { nil: undefined }),
  limits: fc.array(fc.array(answer, { minLength: 1, maxLength: 4 }), { maxLength: 3 }),
  choices: fc.option(fc.array(choice, { minLength: 1, maxLength: 6 }), { nil: undefined }),
  retries: fc.option(fc.nat(3), { nil: undefined, freq: 5 }),
  timeoutMs: fc.constantFrom(0, 100),
  /** What the transport of each attempt tells while it is asked to send, and when it is cancelled. */
  sync: fc.array(fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, fc.array(event, { maxLength: 3 })), {
    maxLength: 3,
  }),
  cancelTells: fc.option(event, { nil: undefined }),
  steps: fc.array(step, { maxLength: 25 }),
});
export type Scenario = Of<typeof scenario>;
