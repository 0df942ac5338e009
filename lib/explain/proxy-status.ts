import type { ProxyError } from '../core/errors.js';
import { quotedString } from '../http/structured-text.js';
import { type ExplainedCall, isFromStore } from './explained-call.js';

const NAME = 'resilient-proxy-out';
const MAX_DETAILS = 200;

/** The error type in a header line that a `ProxyError` has set; `undefined` for any other line. */
export function ownErrorType(line: string): string | undefined {
  return /^resilient-proxy-out; error=([a-z_]+)$/.exec(line)?.[1];
}

/**
 * Our member of `Proxy-Status` (RFC 9209). It has no next hop, which may be an internal host.
 * @param sent status that the client gets
 * @param errorType of an error response that another handler has sent
 */
export function proxyStatusValue(call: ExplainedCall, sent: number, errorType: string | undefined): string {
  const type = call.error?.proxyStatus ?? errorType;
  let value = NAME;
  if (type !== undefined) value += `; error=${type}`;
  const received = receivedStatus(call);
  const changed =
    type !== undefined || isFromStore(call) || call.cache === 'revalidated' || received !== sent;
  if (received !== undefined && changed) value += `; received-status=${received}`;
  const details = detailsOf(call);
  return details === undefined ? value : `${value}; details=${quotedString(details.slice(0, MAX_DETAILS))}`;
}

function receivedStatus({ attempts }: ExplainedCall): number | undefined {
  const outcome = attempts.at(-1)?.outcome;
  return outcome?.kind === 'response' ? outcome.head.status : undefined;
}

function detailsOf(call: ExplainedCall): string | undefined {
  const { error, attempts } = call;
  const count = attempts.length > 1 ? `${attempts.length} attempts` : undefined;
  if (error) return count ? `${error.message} (${count})` : error.message;
  const failure = lastFailure(call);
  // Error types are for responses that the proxy has generated (RFC 9209 §2.3), not for stored ones.
  if (call.cache === 'stale' && failure) return `Served a stored response after ${failure.proxyStatus}`;
  return count;
}

function lastFailure({ attempts }: ExplainedCall): ProxyError | undefined {
  const outcome = attempts.at(-1)?.outcome;
  return outcome?.kind === 'failure' ? outcome.error : undefined;
}
