import { createHash } from 'node:crypto';
import type { Message } from './wire.js';

/** What a subject did with a case. */
export interface Observation {
  upstreams: Record<string, { connections: number; requests: Message[] }>;
  responses: Message[];
  /** Listeners, hooks, and what was passed to `next`. */
  calls: string[];
  /** What would have ended the process. */
  crashes: string[];
  /** Why the factory refused the options. */
  refused: string | undefined;
}

/** What the case itself sent. */
export interface Facts {
  readonly requests: readonly Message[];
  readonly sent: Readonly<Record<string, readonly Message[]>>;
}

/** An observation as text, in which two subjects can be compared. */
export function transcript(seen: Observation, exactNames = false): string {
  const lines: string[] = [];
  if (seen.refused) lines.push(`refused: ${seen.refused}`);
  for (const [name, { connections, requests }] of Object.entries(seen.upstreams)) {
    if (requests.length === 0 && connections === 0) continue;
    lines.push(`upstream ${name}: ${connections} connection(s)`);
    for (const message of requests)
      lines.push(...messageLines(message, exactNames).map((line) => `  > ${line}`));
  }
  lines.push('client');
  for (const message of seen.responses)
    lines.push(...messageLines(message, exactNames).map((line) => `  < ${line}`));
  if (seen.responses.length === 0) lines.push('  < (no response)');
  if (seen.calls.length > 0) lines.push('calls', ...seen.calls.map((line) => `  ${line}`));
  if (seen.crashes.length > 0) lines.push('crashes', ...seen.crashes.map((line) => `  ${line}`));
  return `${lines.join('\n')}\n`;
}

/**
 * Names in lower case (RFC 9110 §5.1) and in alphabetical order, since the order of headers of different names has no
 * meaning (§5.3). Lines of one name keep their order.
 */
function messageLines(message: Message, exactNames: boolean): string[] {
  const shown = (name: string) => (exactNames ? name : name.toLowerCase());
  const sorted = message.headers
    .map(([name, value]) => ({ key: name.toLowerCase(), line: `${shown(name)}: ${value}` }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ line }) => line);
  const ending = message.cut ? ' CUT OFF' : '';
  return [
    message.start,
    ...sorted,
    ...(message.framing === 'none' && !message.cut
      ? []
      : [`[${message.framing}${ending}] ${shortened(message.body)}`]),
    ...message.trailers.map(([name, value]) => `[trailer] ${shown(name)}: ${value}`),
  ];
}

/** Shows a long body by its length and digest. */
function shortened(body: string): string {
  if (body.length <= 300) return JSON.stringify(body);
  return `${body.length} bytes, ${createHash('sha256').update(body, 'latin1').digest('hex').slice(0, 16)}`;
}

/**
 * A body that the client sent in chunks may be sent on with a length if all of it is here, and the other way round:
 * each connection has its own transfer codings (RFC 9112 §6.1).
 */
export function withoutFreeFraming(seen: Observation, { requests }: Facts): Observation {
  const copy = structuredClone(seen);
  if (!requests.some(({ framing }) => framing === 'chunked')) return copy;
  for (const { requests } of Object.values(copy.upstreams)) {
    for (const message of requests) {
      message.headers = message.headers.filter(
        ([name]) => !/^(content-length|transfer-encoding)$/i.test(name),
      );
      if (message.framing !== 'none') message.framing = 'chunked';
    }
  }
  return copy;
}
