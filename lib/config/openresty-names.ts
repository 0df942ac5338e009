import type { ApiOptions } from '../apis/options.js';
import { joinPath } from '../core/options.js';
import { retrySchema } from '../retry/retry-options.js';
import { TRANSCRIPTIONS } from './openresty-shape.js';
import type { FileApi } from './schema.js';

/** A problem and the path of its option. */
export interface PlacedProblem {
  readonly at: readonly PropertyKey[];
  readonly message: string;
}

/** One API in the names and units of this package. */
export interface Transcribed {
  readonly options: Partial<ApiOptions>;
  readonly problems: readonly PlacedProblem[];
  readonly warnings: readonly string[];
}

/** Names that turn a block on or off and are not options of it. */
const SWITCHES = ['enable_cache', 'use_proxy'];
const BLOCKS = ['circuit_breaker', 'breaker', 'retry', 'cache', 'rateLimit', 'proxyRotate'];
const IDEMPOTENT = retrySchema.parse({}).methods;

/** What the transcription of an API needs to know about `defaults`. */
export interface Inherited {
  /** Methods that may be retried. */
  readonly retried?: readonly string[] | undefined;
  /** Blocks that they turn on. */
  readonly turnedOn?: readonly string[];
}

/**
 * Translates one API of a file into the names and units of this package, from either vocabulary; an option that is
 * set twice is a problem.
 *
 * The OpenResty gateway always sent the client's method and retried every one, so its `method` is not the override
 * that it is here: it is added to `retry.methods`.
 */
export function transcribe(
  api: FileApi,
  place: readonly PropertyKey[],
  { retried = IDEMPOTENT, turnedOn = [] }: Inherited = {},
): Transcribed {
  const draft = new Draft(place);
  const said = Object.entries(api).filter(([name, value]) => value !== undefined && !SWITCHES.includes(name));
  // Blocks that are turned off come first, so that options of theirs are reported as contradictions.
  for (const [name, value] of said) if (value === false) draft.option([name], value);
  for (const [name, value] of said) {
    if (value === false) continue;
    if (BLOCKS.includes(name)) draft.block(name, value);
    else draft.option([name], value);
  }
  if (isOpenresty(api)) draft.methodIsRetried(retried);
  draft.turn('cache', api.enable_cache, 'enable_cache', turnedOn);
  draft.turn('proxyRotate', api.use_proxy, 'use_proxy', turnedOn);
  return draft.done();
}

/** An API is recognized by its `target_url`; `defaults`, which has none, by any of the names. */
function isOpenresty(api: FileApi): boolean {
  if (api.target !== undefined) return false;
  return Object.keys(api).some(
    (name) => name in TRANSCRIPTIONS || SWITCHES.includes(name) || name === 'circuit_breaker',
  );
}

const REQUEST_TIMEOUT = 'requestTimeoutMs';

class Draft {
  readonly #place: readonly PropertyKey[];
  readonly #options: Record<string, unknown> = {};
  /** Where each option was set. */
  readonly #sources = new Map<string, readonly PropertyKey[]>();
  readonly #problems: PlacedProblem[] = [];
  readonly #warnings: string[] = [];

  constructor(place: readonly PropertyKey[]) {
    this.#place = place;
  }

  block(name: string, said: unknown): void {
    const target = name === 'circuit_breaker' ? 'breaker' : name;
    const value: unknown = said === true ? {} : said;
    if (typeof value !== 'object' || value === null) {
      this.#set([target], value, [name]);
      return;
    }
    this.#sources.set(`${target}.`, [name]);
    if (Object.keys(value).length === 0) this.#options[target] ??= {};
    for (const [key, one] of Object.entries(value)) {
      if (one !== undefined) this.option([name, key], one, target);
    }
  }

  option(source: readonly string[], value: unknown, block?: string): void {
    const name = String(source.at(-1));
    const known = Object.hasOwn(TRANSCRIPTIONS, name) ? TRANSCRIPTIONS[name] : undefined;
    if (known) this.#set(known.to, known.by ? known.by(value) : value, source);
    else this.#set(block ? [block, name] : [name], value, source);
  }

  methodIsRetried(retried: readonly string[]): void {
    const { method, retry = {} } = this.#options;
    delete this.#options.method;
    if (typeof method !== 'string' || typeof retry !== 'object' || retried.includes(method)) return;
    if (this.#sources.has('retry.methods')) return;
    this.#options.retry = { ...retry, methods: [...retried, method] };
  }

  /** Applies a switch to the block whose options stand beside it. */
  turn(
    name: 'cache' | 'proxyRotate',
    on: boolean | undefined,
    source: string,
    turnedOn: readonly string[],
  ): void {
    const block = this.#options[name];
    const sources = [...this.#sources].filter(([option]) => option === name || option.startsWith(`${name}.`));
    const hasBlock = sources.some(([, [first]]) => first === name);
    if (on === true) {
      if (block === false) this.#problem([source], `is true, which cannot go with ${name}: false`);
      const mode = name === 'cache' ? { mode: 'ttl' } : {};
      this.#options[name] = { ...mode, ...(typeof block === 'object' ? block : {}) };
      return;
    }
    if (on === false) {
      if (hasBlock && block !== false)
        this.#problem([source], `is false, which cannot go with a block ${name}`);
      this.#options[name] = false;
      return;
    }
    if (block === undefined || hasBlock || turnedOn.includes(name)) return;
    const path = joinPath([...this.#place, ...(sources[0]?.[1] ?? [])]);
    this.#warnings.push(`${path} has no effect without ${source}: true`);
    delete this.#options[name];
  }

  done(): Transcribed {
    return {
      // The schema has checked every value; the translation table loses its types.
      options: this.#options as Partial<ApiOptions>,
      problems: this.#problems,
      warnings: this.#warnings,
    };
  }

  #set(to: readonly string[], value: unknown, source: readonly string[]): void {
    const [first = '', name] = to;
    const block = name === undefined ? undefined : this.#options[first];
    // Without a breaker, the API itself bounds each attempt.
    if (block === false && source.at(-1) === 'request_timeout')
      return this.#set([REQUEST_TIMEOUT], value, source);
    const before = this.#sources.get(to.join('.'));
    if (before) {
      this.#problem(
        source,
        `sets the same option as ${joinPath([...this.#place, ...before])}; keep one of them`,
      );
    } else if (block === false) this.#problem(source, `cannot go with ${first}: false`);
    this.#sources.set(to.join('.'), source);
    if (name === undefined) this.#options[first] = value;
    else this.#options[first] = { ...(typeof block === 'object' ? block : {}), [name]: value };
  }

  #problem(source: readonly string[], rule: string): void {
    const at = [...this.#place, ...source];
    this.#problems.push({ at, message: `${joinPath(at)} ${rule}` });
  }
}
