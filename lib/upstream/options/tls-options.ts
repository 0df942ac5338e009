import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as z from 'zod';
import type { TargetTls } from '../../core/egress.js';
import { InvalidOptionError } from '../../core/errors.js';
import type { Target } from '../request/target.js';

// Checked by `checkTls`, whose errors show nothing of them.
const pem = z.custom<string | Buffer>().optional();

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i;

/** The options for the TLS connection to the target. */
export const TLS_SHAPE = {
  ca: z.custom<string | Buffer | (string | Buffer)[]>().optional(),
  cert: pem,
  key: pem,
  // SNI knows no addresses (RFC 6066 §3).
  servername: z
    .string()
    .refine((name) => HOST_NAME.test(name) && isIP(name) === 0, 'must be a host name, as api.example.com')
    .optional(),
};

/** Names of these options: a call for which one of them differs has a connection of its own. */
export const TLS_OPTIONS = Object.keys(TLS_SHAPE) as (keyof typeof TLS_SHAPE)[];

/** What the options of a `forward()`, or of one call, say about certificates. */
export function targetTls(options: object): TargetTls {
  // httpxy's types have none of these names.
  const { ca, cert, key }: TargetTls = options;
  return { ca, cert, key };
}

/** The target under the name that its certificate is for, where the options of the call give one. */
export function named(target: Target, options: object): Target {
  const { servername }: { servername?: string } = options;
  return servername === undefined ? target : { ...target, servername };
}

/** Reads the certificates, which would otherwise fail each call. @throws InvalidOptionError that shows nothing of them */
export function checkTls({ ca, cert, key }: z.output<z.ZodObject<typeof TLS_SHAPE>>, place: string): void {
  const at = (name: string) => (place === '' ? name : `${place}.${name}`);
  const refuse = (name: string, rule: string) => new InvalidOptionError(at(name), `${at(name)} ${rule}`);
  const texts: (readonly [name: string, text: unknown])[] = [
    ...(Array.isArray(ca) ? ca.map((one, i) => [`ca[${i}]`, one] as const) : [['ca', ca] as const]),
    ['cert', cert],
    ['key', key],
  ];
  for (const [name, text] of texts) {
    if (text !== undefined && !isPem(text)) throw refuse(name, `${PEM}; received ${kindOf(text)}`);
  }
  if (Array.isArray(ca) && ca.length === 0) throw refuse('ca', 'must not be an empty list');
  if (cert !== undefined && key === undefined) throw refuse('cert', 'needs key beside it');
  if (key !== undefined && cert === undefined) throw refuse('key', 'needs cert beside it');
  const unreadable = 'holds no certificate that can be read';
  for (const authority of ca === undefined ? [] : [ca].flat()) {
    if (!readOf(() => new X509Certificate(authority))) throw refuse('ca', unreadable);
  }
  if (cert === undefined || key === undefined) return;
  const certificate = readOf(() => new X509Certificate(cert));
  if (!certificate) throw refuse('cert', unreadable);
  const privateKey = readOf((): KeyObject => createPrivateKey(key));
  if (!privateKey) {
    throw refuse('key', 'holds no private key that can be read; one with a passphrase goes into ssl');
  }
  if (!certificate.checkPrivateKey(privateKey)) throw refuse('key', `is not the key of ${at('cert')}`);
}

const PEM = 'must be PEM text, which holds a line -----BEGIN …; only a configuration file takes a path';

const isPem = (value: unknown): boolean =>
  (typeof value === 'string' || Buffer.isBuffer(value)) && value.includes('-----BEGIN ');

const kindOf = (value: unknown): string =>
  typeof value === 'string' ? `a string of ${value.length} characters` : `a value of type ${typeof value}`;

// What OpenSSL throws is left out: it says nothing to whoever wrote the options.
function readOf<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
