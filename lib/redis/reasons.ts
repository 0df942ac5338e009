/** What is wrong with Redis, by the code of its error. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'has closed the connection',
  CLOSED: 'has closed the connection',
  EPIPE: 'has closed the connection',
  ETIMEDOUT: 'does not accept connections in time',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  UNREACHABLE: 'is a Cluster of which no node can be reached',
  ENOTFOUND: 'has a host name that is unknown',
  EAI_AGAIN: 'has a host name that cannot be looked up',
  ENOENT: 'has no socket at this path',
  EACCES: 'has a socket that this user may not open',
  TIMEOUT: 'does not reply in time',
  WRONGPASS: 'refuses the user name or the password',
  NOAUTH: 'requires a password',
  NOPERM: 'does not allow its user a command, a key or a channel',
  NODB: 'has no database of this number',
  READONLY: 'is a read-only replica',
  LOADING: 'is loading its data',
  BUSY: 'is busy with a script of another client',
  OOM: 'has reached maxmemory and stores nothing more',
  MISCONF: 'cannot save to its disk and refuses to write',
  NOREPLICAS: 'has too few replicas and refuses to write',
  WRONGTYPE: 'has keys of another type under the prefix',
  MASTERDOWN: 'is a replica that has lost its primary',
  CLUSTERDOWN: 'is a Cluster that is down',
  MOVED: 'is a node of a Cluster, whose nodes belong into redis.cluster',
  NOCLUSTER: 'is no Cluster, and does not belong into redis.cluster',
  CROSSSLOT: 'is a node of a Cluster, whose nodes belong into redis.cluster',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a certificate of an unknown authority (redis.tls.ca)',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a certificate of an unknown authority (redis.tls.ca)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a certificate of an unknown authority (redis.tls.ca)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'has a certificate of an unknown authority (redis.tls.ca)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate for another name (redis.tls.servername)',
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS here',
};

/** `does not reply in time (TIMEOUT)` */
export function reasonText(code: string): string {
  const text = REASONS[code];
  return text === undefined ? `reports an error (${code})` : `${text} (${code})`;
}

/** Reasons of which one follows the other while the same thing is wrong. */
const AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'CLOSED',
  'UNREACHABLE',
  'EPIPE',
  'ETIMEDOUT',
  'TIMEOUT',
  'LOADING',
]);
const REFUSED = new Set(['WRONGPASS', 'NOAUTH', 'NODB']);
/** What a client that was refused is told next. */
const AFTER_REFUSAL = new Set(['NOAUTH', 'CLOSED', 'ECONNRESET', 'EPIPE']);

/** Whether another reason says something that an operator does not know yet. */
export function isNews(before: string, now: string): boolean {
  // Each failed attempt ends with a close, and what has no code of its own follows from what had one.
  if (before === now || now === 'CLOSED' || (before in REASONS && !(now in REASONS))) return false;
  if (AWAY.has(before) && AWAY.has(now)) return false;
  return !(REFUSED.has(before) && AFTER_REFUSAL.has(now));
}

/** Whether another reason takes the place of one: it is news, or it says why a connection was closed. */
export function saysMore(before: string, now: string): boolean {
  return isNews(before, now) || (before === 'CLOSED' && now in REASONS);
}
