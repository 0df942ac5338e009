import type { Counts, Latency, View } from '../shared/contract.js';
import { el, setText } from '../shared/element.js';
import { formatBytes, formatCount, formatMs } from '../shared/format.js';
import { Distribution, mostFirst, panel, type Share } from './distribution.js';

/** Labels of cache verdicts. */
const VERDICTS: Readonly<Record<string, string>> = {
  hit: 'Hit: from the cache',
  miss: 'Miss: fetched from the target',
  stale: 'Stale copy served',
  revalidated: 'Revalidated: still valid',
  coalesced: 'Shared one fetch',
  bypass: 'Bypassed',
};

/** How calls end, in the order in which it is shown. */
const OUTCOMES = {
  success: ['Served', 'good'],
  clientError: ['4xx of the API', 'warning'],
  refused: ['Refused by this proxy', 'warning'],
  failure: ['Failed', 'bad'],
  aborted: ['Clients that left early', 'plain'],
} as const;

/** What attempts say of the API, in the order in which it is shown. */
const ATTEMPTS = {
  success: ['Served', 'good'],
  clientError: ['4xx', 'warning'],
  failure: ['Failed', 'bad'],
  otherFailure: ['Failed by an egress proxy or this process', 'warning'],
  abandoned: ['Left by clients', 'plain'],
} as const;

/** Who caused a failure. */
export const BLAME: Readonly<Record<string, string>> = {
  target: 'The target',
  egress: 'An egress proxy',
  client: 'The client',
  self: 'This proxy: a refusal or its own error',
};

/** Statuses, error codes, cache verdicts, egress proxies and volume of a view. */
export class Distributions {
  readonly #statuses: Distribution;
  readonly #outcomes: Distribution;
  readonly #attempts: Distribution;
  readonly #codes: Distribution;
  readonly #codesTitle = el('h3', {}, 'Errors of the proxy itself');
  readonly #blame: Distribution;
  readonly #blameTitle = el('h3', {}, 'Who caused the failures');
  readonly #cache: Distribution;
  readonly #proxies: Distribution;
  readonly #volume: readonly (readonly [read: (view: View) => string, value: HTMLElement])[];

  constructor() {
    const [calls, attempts] = [el('div'), el('div')];
    panel('outcomes', 'How calls ended').append(el('div', { class: 'halves' }, calls, attempts));
    calls.append(el('h3', {}, 'Calls of clients'));
    this.#outcomes = new Distribution(calls, {
      caption: 'Calls by how they ended',
      of: 'Outcome',
      nothing: 'No calls in this period.',
    });
    attempts.append(el('h3', {}, 'Attempts at the API'));
    this.#attempts = new Distribution(attempts, {
      caption: 'Attempts by what they say of the API',
      of: 'Result',
      nothing: 'No attempts in this period.',
    });
    const statuses = panel('statuses', 'Status codes');
    this.#statuses = new Distribution(statuses, {
      caption: 'Calls by status code',
      of: 'Status',
      nothing: 'No responses in this period.',
    });
    statuses.append(this.#codesTitle);
    this.#codes = new Distribution(statuses, { caption: 'Calls by error code', of: 'Code', nothing: '' });
    statuses.append(this.#blameTitle);
    this.#blame = new Distribution(statuses, {
      caption: 'Failures by who caused them',
      of: 'Caused by',
      nothing: '',
    });
    this.#cache = new Distribution(panel('cache', 'Cache'), {
      caption: 'Calls by cache verdict',
      of: 'Verdict',
      nothing: 'No cache lookups. Turn the cache on with a cache block in the API’s configuration.',
    });
    this.#proxies = new Distribution(panel('proxies', 'Egress proxies'), {
      caption: 'Attempts by egress proxy',
      of: 'Egress proxy',
      nothing: 'No attempts in this period.',
    });
    this.#volume = volumeList(panel('volume', 'Volume'));
  }

  /** Shows the shares of a view. */
  show(view: View): void {
    const { statusCodes, errors, failedBy, cache, proxies, outcomes, attemptResults } = view.figures;
    this.#statuses.show(byStatus(statusCodes));
    this.#outcomes.show(inOrder(OUTCOMES, outcomes));
    this.#attempts.show(inOrder(ATTEMPTS, attemptResults));
    const codes = mostFirst(errors);
    this.#codesTitle.hidden = codes.length === 0;
    this.#codes.show(codes.map((share) => ({ ...share, tone: 'bad' })));
    const blame = mostFirst(failedBy);
    this.#blameTitle.hidden = blame.length === 0;
    this.#blame.show(blame.map((share) => ({ ...share, label: BLAME[share.key] ?? share.key, tone: 'bad' })));
    this.#cache.show(
      mostFirst(cache).map((share) => ({
        ...share,
        label: VERDICTS[share.key] ?? share.key,
        tone: verdictTone(share.key),
      })),
    );
    this.#proxies.show(
      mostFirst(proxies).map((share) => ({
        ...share,
        label: share.key === 'direct' ? 'Direct connection' : share.key,
      })),
    );
    for (const [read, value] of this.#volume) setText(value, read(view));
  }
}

/** Those that there are, in the order of their names. */
function inOrder(
  names: Readonly<Record<string, readonly [label: string, tone: NonNullable<Share['tone']>]>>,
  counts: Counts,
): Share[] {
  return Object.entries(names).flatMap(([key, [label, tone]]): Share[] => {
    const count = counts[key] ?? 0;
    return count > 0 ? [{ key, label, count, tone }] : [];
  });
}

function byStatus(codes: View['figures']['statusCodes']): Share[] {
  return mostFirst(codes).map((share) => ({
    ...share,
    label: statusName(share.key),
    tone: statusTone(share.key),
  }));
}

const NAMES: Readonly<Record<string, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** A status with its name, if it is a common one. */
export const statusName = (code: string): string => (NAMES[code] ? `${code} ${NAMES[code]}` : code);

function statusTone(code: string): Share['tone'] {
  if (code >= '5') return 'bad';
  if (code >= '4') return 'warning';
  return code >= '3' ? 'plain' : 'good';
}

function verdictTone(verdict: string): Share['tone'] {
  if (verdict === 'stale') return 'warning';
  return verdict === 'miss' || verdict === 'bypass' ? 'plain' : 'good';
}

const lives = ({ count, p50 }: Latency): string =>
  count === 0 ? '–' : `${formatCount(count)}, ${formatMs(p50)}`;

function volumeList(place: HTMLElement): (readonly [read: (view: View) => string, value: HTMLElement])[] {
  const lines: readonly (readonly [name: string, read: (view: View) => string])[] = [
    ['Received from clients', ({ figures }) => formatBytes(figures.bytesIn)],
    ['Sent to clients', ({ figures }) => formatBytes(figures.bytesOut)],
    ['Attempts at the target', ({ figures }) => formatCount(figures.attempts)],
    ['Attempts of the cache itself', ({ figures }) => formatCount(figures.background)],
    [
      'Open now: calls, streams, WebSockets',
      ({ open }) => (open ? [open.calls, open.streams, open.webSockets].map(formatCount).join(', ') : '–'),
    ],
    ['Streams ended, median life', ({ figures }) => lives(figures.streamTime)],
    ['WebSockets closed, median life', ({ figures }) => lives(figures.webSocketTime)],
    [
      'Over WebSockets, in and out',
      ({ figures }) => `${formatBytes(figures.webSocketBytesIn)}, ${formatBytes(figures.webSocketBytesOut)}`,
    ],
    ['First byte, p50', ({ figures: { timeToFirstByte: time } }) => formatMs(time.p50)],
    ['First byte, p99', ({ figures: { timeToFirstByte: time } }) => formatMs(time.p99)],
  ];
  const list = el('dl', { class: 'facts' });
  place.append(list);
  return lines.map(([name, read]) => {
    const value = el('dd', { class: 'number' });
    list.append(el('div', {}, el('dt', {}, name), value));
    return [read, value] as const;
  });
}
