import type { ServerResponse } from 'node:http';
import type { Exchange } from '../core/exchange.js';
import { flatHeaders, headArguments, linesOf } from '../http/head-arguments.js';
import { setHeaders } from '../http/write-head.js';
import type { ResolvedExplain } from './explain-options.js';
import { acceptedAttempt, isFromStore } from './explained-call.js';
import { ownErrorType, proxyStatusValue } from './proxy-status.js';
import { isItemList, isTimingList } from './readable-list.js';
import { serverTimingValue } from './server-timing.js';

const FIELDS = ['Server-Timing', 'Proxy-Status', 'Cache-Status'];

/** A call whose head is to be written. */
interface Told {
  readonly exchange: Exchange;
  readonly options: ResolvedExplain;
  /** What the application has measured itself: lines of `Server-Timing` set before. */
  readonly application: readonly string[];
}

/** Has the fields written with the head of a response, whoever writes it and however. */
export function explainHead(exchange: Exchange, options: ResolvedExplain): void {
  const { res } = exchange;
  const { writeHead } = res;
  const application = [res.getHeader('Server-Timing') ?? []].flat().map(String);
  const told: Told = { exchange, options, application };
  const write = (args: unknown[]): ServerResponse => Reflect.apply(writeHead, res, args);

  // It has a name before it becomes a property: V8 takes one that is assigned as it is written for long-lived.
  const explainedWriteHead = (status: number, ...rest: unknown[]): ServerResponse => {
    if (res.headersSent || status < 200) return write([status, ...rest]);
    const { text, headers } = headArguments(rest);
    const given = flatHeaders(headers);
    const plain = res.getHeaderNames().length === 0 && (headers === undefined || Array.isArray(headers));
    const head = text === undefined ? [status] : [status, text];
    if (plain) return write([...head, explainedLines(given, status, told)]);
    return writeMerged(given, status, told, () => write(head));
  };
  res.writeHead = explainedWriteHead as typeof res.writeHead;
}

/** For fields that were set one by one, which a list given beside them would replace in part only. */
function writeMerged(
  given: readonly string[],
  status: number,
  told: Told,
  write: () => ServerResponse,
): ServerResponse {
  const { res } = told.exchange;
  setHeaders(res, given);
  const before = FIELDS.map((name) => [name, res.getHeader(name)] as const);
  for (const [name] of before) res.removeHeader(name);
  const lines = explainedLines(
    before.flatMap(([name, value]) => linesOf(name, value)),
    status,
    told,
  );
  for (let i = 0; i + 1 < lines.length; i += 2) res.setHeader(lines[i] ?? '', lines[i + 1] ?? '');
  try {
    return write();
  } catch (error) {
    // It is answered by another head, which must not tell of this one.
    for (const [name, value] of before) {
      if (value === undefined) res.removeHeader(name);
      else res.setHeader(name, value);
    }
    throw error;
  }
}

/**
 * The fields of a head with ours behind them, each in one line: of several, Node keeps the last where fields were set
 * before and taken back. Lines that cannot be read are left out, for they would take all others with them.
 */
function explainedLines(headers: readonly string[], status: number, told: Told): string[] {
  const { exchange, options, application } = told;
  const lines: string[] = [];
  const timings = application.filter(isTimingList);
  const proxies: string[] = [];
  const caches: string[] = [];
  // An answer that was passed on may come from a proxy like this one.
  const own = options.proxyStatus && !acceptedAttempt(exchange) && !isFromStore(exchange);
  let errorType: string | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    switch (name.length < 12 || name.length > 13 ? '' : name.toLowerCase()) {
      case 'server-timing':
        if (!application.includes(value) && isTimingList(value) && isOfThisCall(value, exchange))
          timings.push(value);
        break;
      case 'proxy-status':
        if (own && ownErrorType(value)) errorType = ownErrorType(value);
        else if (isItemList(value)) proxies.push(value);
        break;
      case 'cache-status':
        if (isItemList(value)) caches.push(value);
        break;
      default:
        lines.push(name, value);
    }
  }
  if (options.proxyStatus) proxies.push(proxyStatusValue(exchange, status, errorType));
  if (options.serverTiming) timings.push(serverTimingValue(exchange, performance.now()));
  if (caches.length > 0) lines.push('Cache-Status', caches.join(', '));
  if (proxies.length > 0) lines.push('Proxy-Status', proxies.join(', '));
  if (timings.length > 0) lines.push('Server-Timing', timings.join(', '));
  return lines;
}

/** What was measured of the call that was stored is not true of this one. */
function isOfThisCall(value: string, exchange: Exchange): boolean {
  const { cache } = exchange;
  if (cache === 'hit' || cache === 'stale') return false;
  if (cache !== 'revalidated') return true;
  const outcome = acceptedAttempt(exchange)?.outcome;
  return outcome?.kind === 'response' && outcome.head.rawHeaders.includes(value);
}
