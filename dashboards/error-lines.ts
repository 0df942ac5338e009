import type { RecentError } from '../lib/stats/stats-source.js';
import type { ErrorLine } from './client/shared/contract.js';

/** What refused a call, by the code of its error. */
const REFUSALS: Readonly<Record<string, string>> = {
  ERR_CIRCUIT_OPEN: 'refused by the open circuit',
  ERR_CONCURRENCY_LIMIT: 'refused by the limit of requests at once',
  ERR_NO_CONNECTION: 'refused without a free connection',
  ERR_QUEUE_FULL: 'refused by a full queue',
  ERR_SHUTTING_DOWN: 'refused while shutting down',
};

/**
 * The lines of the list of recent errors. An open circuit refuses hundreds of calls for the same reason: they are one
 * line, behind the errors that say what the reason is.
 * @param errors newest first
 * @param most lines that are listed
 */
export function errorLines(errors: readonly RecentError[], most: number): ErrorLine[] {
  const refusals = new Map<string, ErrorLine & { count: number; firstTime: number }>();
  const others: ErrorLine[] = [];
  for (const error of errors) {
    const refused = refusalOf(error);
    if (!refused) {
      others.push(error);
      continue;
    }
    // How many are in flight or wait differs from call to call.
    const key = `${error.code} ${refused.because.replace(/\d+/g, '0')}`;
    const line = refusals.get(key);
    if (!line) refusals.set(key, { ...error, refused, count: 1, firstTime: error.time });
    else {
      line.count++;
      line.firstTime = Math.min(line.firstTime, error.time);
    }
  }
  const grouped = [...refusals.values()].slice(0, most);
  return [...others.slice(0, most - grouped.length), ...grouped];
}

function refusalOf({ code = '', message }: RecentError): ErrorLine['refused'] {
  const by = Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined;
  return by === undefined ? undefined : { by, because: becauseOf(code, message) };
}

/** The cause in an error's message, without what it says to the client. */
function becauseOf(code: string, message: string): string {
  const [said = ''] = message.split(/\. Please try again /);
  if (code !== 'ERR_CIRCUIT_OPEN') return said;
  if (said.endsWith(' was forced open')) return 'someone has forced it open';
  return / \(last: (.*)\)$/.exec(said)?.[1] ?? said;
}
