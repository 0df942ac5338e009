import { createHash, timingSafeEqual } from 'node:crypto';
import { faultOf } from '../config/bounded-file.js';
import { ConfigError } from '../config/config-error.js';
import type { Environment } from '../config/environment.js';
import { MAX_SECRET_BYTES, readSecretFile } from '../config/secret-file.js';

/** What opens the admin routes. */
export interface Tokens {
  /** For everything. */
  readonly admin?: string | undefined;
  /** For pages and figures, without actions. */
  readonly viewer?: string | undefined;
}

/** Whose token a request brings. */
export type TokenKind = keyof Tokens;

/** Tokens of the environment, and where they are from. */
export interface ReadTokens {
  readonly tokens: Tokens;
  /** Paths of the files that hold them. */
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

const OPEN = 'ADMIN_TOKEN is empty: the admin routes are open to all clients on this machine';

/** A shorter one can be guessed, if it is a word. */
const SAFE_LENGTH = 16;

/**
 * The tokens in ADMIN_TOKEN and VIEWER_TOKEN, or in the files that ADMIN_TOKEN_FILE and VIEWER_TOKEN_FILE name.
 * @throws ConfigError; a file that cannot be read, or is empty, must not leave the routes open
 */
export function readTokens(env: Environment): ReadTokens {
  const [admin, viewer] = [readToken('ADMIN_TOKEN', env), readToken('VIEWER_TOKEN', env)];
  if (admin.token !== undefined && admin.token === viewer.token)
    throw refused('VIEWER_TOKEN', 'must differ from ADMIN_TOKEN: it would allow actions');
  // Whoever has set it believes that there is one.
  const isOpen = env.ADMIN_TOKEN === '' && admin.token === undefined && viewer.token === undefined;
  return {
    tokens: { admin: admin.token, viewer: viewer.token },
    files: [...admin.files, ...viewer.files],
    warnings: [...admin.warnings, ...viewer.warnings, ...(isOpen ? [OPEN] : [])],
  };
}

interface ReadToken {
  readonly token: string | undefined;
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

function readToken(name: string, env: Environment): ReadToken {
  const { [name]: own, [`${name}_FILE`]: file } = env;
  if (own && file) throw refused(`${name}_FILE`, `must not be set beside ${name}: keep one of them`);
  const token = file ? tokenIn(`${name}_FILE`, file) : own || undefined;
  return { token, files: file ? [file] : [], warnings: token === undefined ? [] : warningsOf(name, token) };
}

function warningsOf(name: string, token: string): string[] {
  const warnings: string[] = [];
  if (token.length < SAFE_LENGTH)
    warnings.push(
      `${name} has fewer than ${SAFE_LENGTH} characters and may be guessed; openssl rand -hex 32 makes one that cannot`,
    );
  if (/\s/.test(token))
    warnings.push(`${name} has white space in it: as a bearer token it will not be recognized`);
  return warnings;
}

function tokenIn(name: string, file: string): string {
  try {
    const token = readSecretFile(file);
    if (token !== '') return token;
  } catch (error) {
    throw refused(name, `names the file ${file}, which ${faultOf(error, MAX_SECRET_BYTES)}`);
  }
  throw refused(name, `names the file ${file}, which is empty`);
}

const refused = (name: string, rule: string) =>
  new ConfigError('the environment', [{ path: name, message: `${name} ${rule}` }]);

/** Whose token an `Authorization` holds: as a bearer token, or as the password of any user. */
export type TokenCheck = (authorization: string | undefined) => TokenKind | undefined;

/** Recognizes tokens in a time that tells nothing of them. */
export function tokenCheck({ admin, viewer }: Tokens): TokenCheck {
  const [asAdmin, asViewer] = [admin, viewer].map((token) => (token ? digest(token) : undefined));
  return function kindOf(authorization) {
    const brought = credentialOf(authorization);
    if (brought === undefined) return undefined;
    // Digests have one length, so the time of the comparison does not depend on the token's.
    const found = digest(brought);
    if (asAdmin && timingSafeEqual(found, asAdmin)) return 'admin';
    return asViewer && timingSafeEqual(found, asViewer) ? 'viewer' : undefined;
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest();

/** The token or password in an `Authorization`. */
export function credentialOf(authorization: string | undefined): string | undefined {
  const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme === '') return undefined;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : pair.slice(colon + 1);
}
