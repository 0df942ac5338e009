import * as z from 'zod';
import { describe, InvalidOptionError } from './errors.js';
import { NAMES_ELSEWHERE } from './names-elsewhere.js';
import { parseGiven } from './parse-given.js';
import { type OtherPlaces, unknownName } from './unknown-name.js';

export { nearestName } from './unknown-name.js';

/** Milliseconds of a wait or a timeout; above 2^31-1 a Node timer would fire at once. */
export const durationMs = z.number().min(1).max(2_147_483_647);

/** A size in bytes. */
export const sizeBytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A count that starts at one. */
export const count = z.number().int().min(1).max(1_000_000_000);

/** A header name as RFC 9110 §5.1 allows it. */
export const headerName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'must be a header name');

/** A header value that cannot split a message (RFC 9110 §5.5). */
export const headerValue = z
  .string()
  .regex(/^[\t\u0020-\u007e\u0080-\u00ff]*$/, 'must be Latin-1 without control characters, CR or LF');

/** A function option; the caller types its parameters. */
export function functionOption<T>(): z.ZodType<T, T> {
  return z.custom<T>((value) => typeof value === 'function', 'must be a function');
}

/**
 * Options with every default filled in, frozen. The caller's object is not changed.
 * @param places where a name may belong that is unknown here
 * @throws InvalidOptionError with the path, the value received and the nearest valid name
 */
export function resolveOptions<S extends z.ZodType>(
  schema: S,
  input: unknown,
  place: string,
  places?: OtherPlaces,
): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return Object.freeze(result.data) as z.output<S>;
  const [issue] = result.error.issues;
  if (!issue) throw result.error;
  const { path, message } = explainIssue(issue, input, place, places);
  throw new InvalidOptionError(path, message);
}

/** Turns an issue of the schema into a message for the author of the options. */
export function explainIssue(
  issue: z.core.$ZodIssue,
  input: unknown,
  place: string,
  places?: OtherPlaces,
): { path: string; message: string } {
  if (issue.code === 'invalid_union') {
    const deeper = issue.errors
      .flat()
      .filter((branch) => branch.path.length > 0 || branch.code === 'unrecognized_keys');
    const [first] = deeper;
    if (first) return explainIssue({ ...first, path: [...issue.path, ...first.path] }, input, place, places);
  }
  const owner = joinPath(issue.path, place);
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const path = joinPath([key], owner);
    const known = issue.message.split(' ');
    // The value is not shown: it may be a secret.
    return {
      path,
      message: `${path} ${unknownName(key, { owner, known, places: places ?? placesOf(owner) })}`,
    };
  }
  const value = describeAt(issue.path, valueAt(input, issue.path));
  return { path: owner, message: `${owner || 'the configuration'} ${ruleOf(issue)}; received ${value}` };
}

/** The middlewares that have counterparts in other libraries, whose option names may be used by mistake. */
const COMPARABLE = /(^|\.)(forward|cache|rateLimit|concurrency|breaker|retry|proxyRotate)$/;

const placesOf = (owner: string): OtherPlaces | undefined =>
  COMPARABLE.test(owner) ? { blocks: {}, elsewhere: NAMES_ELSEWHERE } : undefined;

/** A strict object: an unknown key is refused, with the nearest valid name. */
export function optionsObject<T extends z.ZodRawShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  // Only the names: `explainIssue` makes the message, since it knows the path of the object.
  const known = Object.keys(shape).join(' ');
  const schema = z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? known : undefined),
  });
  return parseGiven(schema);
}

/** The schema without these options. */
export function without({ shape }: z.ZodObject, names: readonly string[]): z.ZodObject {
  return optionsObject(Object.fromEntries(Object.entries(shape).filter(([key]) => !names.includes(key))));
}

function ruleOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined && /received undefined$/.test(issue.message)
        ? `is required and must be ${article(issue.expected)}`
        : `must be ${article(issue.expected)}`;
    case 'too_small':
      return `must be ${issue.inclusive ? 'at least' : 'above'} ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `must be ${issue.inclusive ? 'at most' : 'below'} ${issue.maximum}${unitOf(issue.origin)}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message;
    default:
      return issue.message;
  }
}

// Values under these names are or may hold credentials: an error shows only their type and length.
const SECRET = /^(headers|auth|authorization|password|proxies|proxy|redis|token|secret|cookie)$|.key$/i;

function describeAt(path: readonly PropertyKey[], value: unknown): string {
  if (!path.some((key) => typeof key === 'string' && SECRET.test(key))) return describe(value);
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  return typeof value === 'object' || value === undefined ? describe(value) : `a ${typeof value}`;
}

const unitOf = (origin: string) =>
  origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';

const article = (type: string) =>
  type === 'int'
    ? 'a whole number'
    : type === 'record'
      ? 'an object'
      : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;

/** A path as an error shows it: `apis.github.retry.retryOnStatus[0]`. */
export function joinPath(path: readonly PropertyKey[], place = ''): string {
  return path.reduce<string>((joined, key) => {
    if (typeof key === 'number') return `${joined}[${key}]`;
    return joined === '' ? String(key) : `${joined}.${String(key)}`;
  }, place);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
