import type { ServerResponse } from 'node:http';
import type { Exchange } from '../core/exchange.js';
import { flatHeaders, headArguments, linesOf } from '../http/head-arguments.js';
import { replaceWriteHead, takesLists } from '../http/takes-lists.js';
import { setHeaders } from '../http/write-head.js';
import type { ResolvedExplain } from './explain-options.js';
import { acceptedAttempt, isFromStore } from './explained-call.js';
import { ownErrorType, proxyStatusValue } from './proxy-status.js';
import { isItemList, isTimingList } from './readable-list.js';
import { serverTimingValue } from './server-timing.js';

const HEADERS = ['Server-Timing', 'Proxy-Status', 'Cache-Status'];

/** A call whose response headers are about to be written. */
interface Explained {
  readonly exchange: Exchange;
  readonly options: ResolvedExplain;
  /** The application's own measurements: lines of `Server-Timing` that were set before. */
  readonly application: readonly string[];
}

/** Adds the headers to the head of a response, whichever handler writes it, and in whichever way. */
export function explainHead(exchange: Exchange, options: ResolvedExplain): void {
  const { res } = exchange;
  const { writeHead } = res;
  const inLists = takesLists(res);
  const application = [res.getHeader('Server-Timing') ?? []].flat().map(String);
  const explained: Explained = { exchange, options, application };
  const write = (args: unknown[]): ServerResponse => Reflect.apply(writeHead, res, args);

  // Named before it is assigned: V8 treats a function literal that is assigned to a property as long-lived.
  const explainedWriteHead = (status: number, ...rest: unknown[]): ServerResponse => {
    if (res.headersSent || status < 200) return write([status, ...rest]);
    const { text, headers } = headArguments(rest);
    const given = flatHeaders(headers);
    const plain =
      inLists &&
      res.getHeaderNames().length === 0 &&
      res.req.httpVersionMajor < 2 &&
      (headers === undefined || Array.isArray(headers));
    const head = text === undefined ? [status] : [status, text];
    if (plain) return write([...head, explainedLines(given, status, explained)]);
    return writeMerged(given, status, explained, () => write(head));
  };
  replaceWriteHead(res, explainedWriteHead as typeof res.writeHead);
}

/** For headers that were set one by one: a list passed to `writeHead` would replace only some of them. */
function writeMerged(
  given: readonly string[],
  status: number,
  explained: Explained,
  write: () => ServerResponse,
): ServerResponse {
  const { res } = explained.exchange;
  setHeaders(res, given);
  const before = HEADERS.map((name) => [name, res.getHeader(name)] as const);
  for (const [name] of before) res.removeHeader(name);
  const lines = explainedLines(
    before.flatMap(([name, value]) => linesOf(name, value)),
    status,
    explained,
  );
  for (let i = 0; i + 1 < lines.length; i += 2) res.setHeader(lines[i] ?? '', lines[i + 1] ?? '');
  try {
    return write();
  } catch (error) {
    // Another response will be sent, which must not have the headers of this one.
    for (const [name, value] of before) {
      if (value === undefined) res.removeHeader(name);
      else res.setHeader(name, value);
    }
    throw error;
  }
}

/**
 * The headers of a response with ours added, each as one line: of several lines, Node keeps only the last if a header was
 * set and removed before. Invalid lines are dropped, since they would make the whole header unreadable.
 */
function explainedLines(headers: readonly string[], status: number, explained: Explained): string[] {
  const { exchange, options, application } = explained;
  const lines: string[] = [];
  const timings = application.filter(isTimingList);
  const proxies: string[] = [];
  const caches: string[] = [];
  // A response that was passed on may come from another proxy of this package.
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

/** Measurements that are stored with a response belong to the call that fetched it. */
function isOfThisCall(value: string, exchange: Exchange): boolean {
  const { cache } = exchange;
  if (cache === 'hit' || cache === 'stale') return false;
  if (cache !== 'revalidated') return true;
  const outcome = acceptedAttempt(exchange)?.outcome;
  return outcome?.kind === 'response' && outcome.head.rawHeaders.includes(value);
}
