import { forward } from '../../../lib/upstream/forward.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import type { Deviation } from './deviation.js';
import { REQUEST_DEVIATIONS, RESPONSE_DEVIATIONS } from './every-call.js';
import type { ParityCase } from './parity-case.js';
import { TOPICS, type Topic, type TopicName, topicOf } from './topics.js';

const NAMES = Object.keys(TOPICS) as TopicName[];

const HEAD = `# Beside http-proxy-middleware

How \`forward()\` treats each option, event and helper of http-proxy-middleware 4. Written by \`npm run parity\` from the
cases under \`test/parity\`. Each case runs through plain http-proxy-middleware, through the node transport and through
undici (unless it refuses the case), with an upstream and a client that record every byte. A difference that is not listed
here fails a test, and so does a listed one that no longer exists.

\`transport: 'auto'\`, the default, uses undici if it supports all options and all listeners, those of plugins included.
Otherwise it uses the node transport. Options that need undici (\`keepAliveTimeoutMs\`, \`connectTimeoutMs\`,
\`maxResponseHeaderBytes\`) are refused together with ones that need node.

The tests compare the request line, the headers (names in any letter case and order: RFC 9110 §5.1 and §5.3), the body and
its framing, trailers, connections, the arguments of listeners, what reaches \`next()\`, and what would end the process. A
body that a client sends in chunks may be sent on with a length (RFC 9112 §6.1).
`;

/** The page docs/parity.md. */
export function parityPage(cases: readonly ParityCase[]): string {
  const rows = NAMES.map((name) => row(name, cases.filter(({ topic }) => topic === name).length));
  return [
    HEAD,
    '## By option, event and helper\n',
    '| | in plain http-proxy-middleware | node | undici | `retry()` | cases |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
    '## Differences of every call\n',
    ...[...REQUEST_DEVIATIONS, ...RESPONSE_DEVIATIONS].map(({ what, why }) => `- ${what} (${why})`),
    '',
    '## Differences in single cases\n',
    ...differencesOfCases(cases),
  ].join('\n');
}

/** By row; a reason is shown only at its first occurrence. */
function differencesOfCases(cases: readonly ParityCase[]): string[] {
  const shown = new Set<string>();
  const lineOf = ({ what, why }: Deviation): string => {
    if (shown.has(why)) return what;
    shown.add(why);
    return `${what} (${why})`;
  };
  return NAMES.flatMap((name) => differences(name, cases, lineOf));
}

function row(name: TopicName, count: number): string {
  const topic = topicOf(name);
  const label = topic.kind === 'place' ? 'Express' : `\`${name}\``;
  const plain = topic.note ? `${topic.plain}. Here: ${topic.note}` : topic.plain;
  const { node, undici } = served(topic);
  return `| ${label} | ${plain} | ${node} | ${undici} | ${topic.retry} | ${count} |`;
}

/** Determined by the factory itself, so that the page cannot be wrong. */
function served(topic: Topic): { node: string; undici: string } {
  const takes = (transport: ForwardOptions['transport']): boolean => {
    try {
      void forward({ target: 'http://target.example', ...topic.sample, transport }).close();
      return true;
    } catch {
      return false;
    }
  };
  const byNode = takes('node');
  if (takes('undici')) return { node: byNode ? 'served' : 'refused', undici: 'served' };
  return {
    node: byNode ? 'served' : 'refused',
    undici: byNode && takes('auto') ? 'refused; node' : 'refused',
  };
}

function differences(
  name: TopicName,
  cases: readonly ParityCase[],
  lineOf: (deviation: Deviation) => string,
): string[] {
  const lines = new Map<string, { line: string; subjects: Set<string> }>();
  for (const one of cases) {
    if (one.topic !== name) continue;
    for (const [subject, deviations] of Object.entries(one.differs ?? {})) {
      for (const deviation of deviations) {
        const { what } = deviation;
        const entry = lines.get(what) ?? { line: lineOf(deviation), subjects: new Set() };
        entry.subjects.add(subject);
        lines.set(what, entry);
      }
    }
  }
  if (lines.size === 0) return [];
  const label = topicOf(name).kind === 'place' ? 'Express' : `\`${name}\``;
  return [
    `- ${label}`,
    ...[...lines.values()].map(({ line, subjects }) => {
      const only = subjects.has('both') ? '' : ` – ${[...subjects].map(transportOf).join(', ')} alone`;
      return `  - ${line}${only}`;
    }),
  ];
}

const transportOf = (subject: string): string => (subject === 'plugin' ? '`resiliencePlugin()`' : subject);
