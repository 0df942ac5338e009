import type { NotStored } from '../shared/contract.js';

/** What to change where responses are not stored for a reason; those without a word here need no change. */
const ADVICE: Readonly<Record<string, readonly [reason: string, change: string]>> = {
  status: ['their status', 'statuses stores others'],
  'no-store': ['they are marked no-store', 'override: true stores them all the same'],
  private: ['they are marked private, without a credential', 'override: true stores them for everyone'],
  authorization: ['they are to Authorization in standard mode', "mode: 'ttl' stores them per credential"],
  'set-cookie': ['they set a cookie', "setCookie: 'strip' stores them without it"],
  vary: ['they vary on everything', 'only the API can change its Vary'],
  'event-stream': ['they are event streams', 'storeEventStreams: true, if they end'],
  'too-large': ['they are too large', 'a larger maxEntryBytes stores them'],
  'not-reusable': ['they state no lifetime', "mode: 'ttl' gives them one"],
  'rarely-requested': [
    'the memory is full of what is requested more often',
    'a larger maxBytes has room for them',
  ],
  'failure-when': ['failureWhen says that they failed', 'the API has to succeed'],
  'store-if': ['storeIf does not want them', 'only the function can change that'],
  body: ['their request bodies cannot be hashed', 'let the cache come before the parser of bodies'],
};

/** A reason in words, and what to change; `undefined` if there is nothing to change. */
export function adviceOf({ reason }: NotStored): readonly [reason: string, change: string] | undefined {
  return Object.hasOwn(ADVICE, reason) ? ADVICE[reason] : undefined;
}
