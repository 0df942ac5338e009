import { expect } from 'chai';
import { type Carrier, type Deviation, setHeader } from './deviation.js';
import { REQUEST_DEVIATIONS, RESPONSE_DEVIATIONS } from './every-call.js';
import { type Facts, type Observation, transcript, withoutFreeFraming } from './observation.js';
import type { ParityCase } from './parity-case.js';
import { runCase } from './run-case.js';
import { topicOf } from './topics.js';
import type { Subject } from './world.js';

const applied = new Set<Deviation>();

/** Defines the tests of a list of cases: plain shows the option at work, and `forward()` does the same. */
export function parityTests(cases: readonly ParityCase[]): void {
  const topics = [...new Set(cases.map(({ topic }) => topic))];
  for (const topic of topics) {
    describe(`forward() beside http-proxy-middleware: ${topic}`, () => {
      for (const one of cases) if (one.topic === topic) testsOf(one);
    });
  }
}

function testsOf(parityCase: ParityCase): void {
  let plain: Promise<{ seen: Observation; facts: Facts }> | undefined;
  const runPlain = () => (plain ??= runCase(parityCase, 'plain'));

  it(`${parityCase.name}: plain shows it`, async () => {
    const text = transcript((await runPlain()).seen, parityCase.exactNames);
    for (const pattern of [parityCase.shows].flat())
      expect(pattern.test(text), `${pattern} in\n${text}`).to.equal(true);
  });

  const second = parityCase.perCall ? 'auto' : 'undici';
  const subjects: Subject[] = ['node', second, ...(withPlugin(parityCase) ? (['plugin'] as const) : [])];
  for (const subject of subjects) {
    const refusedFor = subject === 'undici' ? refusal(parityCase) : undefined;
    if (refusedFor) {
      it(`${parityCase.name}: undici refuses ${refusedFor}`, () => refusesClearly(parityCase, refusedFor));
      continue;
    }
    it(`${parityCase.name}: ${subject}`, async () => {
      const plain = await runPlain();
      const expected = rewritten(parityCase, subject, plain);
      const { seen } = await runCase(parityCase, subject);
      const text = (one: Observation) => {
        const compared = withoutFreeFraming(one, plain.facts);
        parityCase.free?.leaveOut(compared);
        // Only the behaviour of the chosen transport is compared, not the Keep-Alive header of Node’s server.
        if (subject === 'auto' || subject === 'plugin')
          for (const message of compared.responses) setHeader(message, 'keep-alive', undefined);
        return transcript(compared, parityCase.exactNames);
      };
      expect(text(seen)).to.equal(text(expected));
    });
  }
}

/** Whether `resiliencePlugin()` is compared too. */
const withPlugin = ({ differs = {} }: ParityCase): boolean =>
  differs.plugin !== undefined || !differs.both?.some(({ ofForward }) => ofForward);

/** The transport of a case's calls. */
function carrierOf(parityCase: ParityCase, subject: Subject): Carrier {
  if (subject === 'auto') return 'node';
  if (subject === 'plugin') return refusal(parityCase) || parityCase.perCall ? 'node' : 'undici';
  return subject === 'node' ? 'node' : 'undici';
}

/** The option for which undici refuses the case. */
export function refusal({ topic, refusedFor }: ParityCase): string | undefined {
  return (refusedFor === undefined ? topicOf(topic).refusedFor : refusedFor) ?? undefined;
}

async function refusesClearly(parityCase: ParityCase, path: string): Promise<void> {
  const { seen } = await runCase(parityCase, 'undici');
  expect(seen.refused).to.include('InvalidOptionError').and.include(`forward.${path} `);
  expect(seen.refused).to.match(/transport 'undici'.*'node'.*'auto'/);
  const automatic = await runCase({ ...parityCase, act: () => {}, waitsFor: undefined }, 'auto');
  expect(automatic.seen.refused, 'transport auto').to.equal(undefined);
}

/** What `forward()` must do, derived from what plain did. */
export function rewritten(
  parityCase: ParityCase,
  subject: Subject,
  { seen, facts }: { seen: Observation; facts: Facts },
): Observation {
  const expected = structuredClone(seen);
  const { differs = {}, answeredByHook = false } = parityCase;
  const carrier = carrierOf(parityCase, subject);
  const everyCall = (deviations: readonly Deviation[], by: Carrier): void => {
    for (const deviation of deviations) {
      const before = JSON.stringify(expected);
      deviation.apply(expected, facts, by);
      if (JSON.stringify(expected) !== before) applied.add(deviation);
    }
  };
  everyCall(REQUEST_DEVIATIONS, carrier);
  if (!answeredByHook) everyCall(RESPONSE_DEVIATIONS, parityCase.rewrittenByHook ? 'undici' : carrier);
  const own = subject === 'plugin' ? differs.plugin : undefined;
  for (const deviation of own ?? [...(differs.both ?? []), ...(differs[carrier] ?? [])]) {
    const before = transcript(expected, parityCase.exactNames);
    deviation.apply(expected, facts, carrier);
    expect(
      transcript(expected, parityCase.exactNames),
      `declared, but has no effect: ${deviation.what}`,
    ).to.not.equal(before);
  }
  return expected;
}

/** Differences of every call that no case has shown so far. */
export function unseenDeviations(): string[] {
  return [...REQUEST_DEVIATIONS, ...RESPONSE_DEVIATIONS]
    .filter((one) => !applied.has(one))
    .map(({ what }) => what);
}
