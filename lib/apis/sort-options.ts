import * as z from 'zod';
import { InvalidOptionError, invalidOption } from '../core/errors.js';
import { resolveOptions, sizeBytes } from '../core/options.js';
import { unknownName } from '../core/unknown-name.js';
import { type ExplainOptions, resolveExplain } from '../explain/explain-options.js';
import { type ResolvedSlo, resolveSlo } from '../stats/slo/slo-options.js';
import type { ForwardOptions } from '../upstream/options/forward-options.js';
import { resolveForward } from '../upstream/options/resolve-forward.js';
import type { BodyRules } from '../validate-body/validate-body.js';
import { blockMeant, checkBlock } from './blocks.js';
import type { ApiOptions } from './options.js';
import { ALL_PARTS, type PartBlocks } from './part-list.js';
import { API_OPTIONS, API_PLACES } from './places.js';
import { checkStages, type OwnStage } from './stages.js';

/** Options of the check of bodies. */
export const rulesSchema = z.object({
  requiresBody: z.boolean().default(false),
  validateJson: z.boolean().optional(),
  maxBodyBytes: sizeBytes.default(1024 * 1024),
});

/** The blocks of the parts, each of which is on or off. */
type SortedBlocks = { readonly [N in keyof PartBlocks]-?: Extract<PartBlocks[N], object | false> };

/** The options of one API, sorted by the part that they are for. */
export interface SortedOptions extends SortedBlocks {
  readonly rules: BodyRules;
  readonly explain: ExplainOptions | false;
  readonly slo: ResolvedSlo | false;
  readonly stages: readonly OwnStage[];
  readonly forward: ForwardOptions;
  /** Whether the proxy listens for upgrades by itself. */
  readonly ws: boolean;
}

/**
 * Sorts the options of one API, and checks them where the place they stand at is known.
 * @param place as `apis.github`; empty for a single API
 * @throws InvalidOptionError
 */
export function sortOptions(place: string, options: ApiOptions, redis = true): SortedOptions {
  const stray = Object.keys(options).find((key) => !API_OPTIONS.includes(key));
  if (stray !== undefined) {
    const rule = unknownName(stray, { owner: place, known: API_OPTIONS, places: API_PLACES });
    throw new InvalidOptionError(at(place, stray), `${at(place, stray)} ${rule}`);
  }
  const {
    requiresBody,
    validateJson,
    maxBodyBytes,
    explain = false,
    slo = false,
    stages = [],
    ws = false,
    ...rest
  } = options;
  const rules = resolveOptions(rulesSchema, { requiresBody, validateJson, maxBodyBytes }, place);
  const given = Object.entries(rest).filter(([name]) => !BLOCK_NAMES.includes(name));
  const { requestTimeoutMs = rest.breaker === false ? REQUEST_TIMEOUT_MS : 0 } = rest;
  const forward: ForwardOptions = { ...FORWARD_PRESETS, ...Object.fromEntries(given), requestTimeoutMs };
  resolveForward({ ...forward, ws }, place);
  const blocks = checkedBlocks(place, rest, forward, redis);
  checkStages(stages, at(place, 'stages'));
  return {
    ...blocks,
    breaker: withLimit(blocks.breaker, rest.requestTimeoutMs),
    explain: explained(explain, at(place, 'explain')),
    slo: objective(slo, at(place, 'slo')),
    rules: { ...rules, validateJson: rules.validateJson ?? rules.requiresBody },
    // A copy: what the caller changes later is for the next update.
    stages: stages.map((stage) => ({ ...stage })),
    forward,
    ws,
  };
}

const BLOCK_NAMES: readonly string[] = ALL_PARTS.flatMap(({ name, options }) => (options ? [name] : []));

/** What differs from `forward()` by itself. */
const FORWARD_PRESETS = {
  changeOrigin: true,
  forwardCookies: false,
  traceMethod: false,
  rewriteLocation: true,
};

/** Only where there is no breaker: a default must not be a limit beside that of a breaker, which may be larger. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Likewise a breaker's default beside what was given for the API; of two that were given the smaller holds. */
function withLimit(
  breaker: SortedOptions['breaker'],
  requestTimeoutMs: number | undefined,
): SortedOptions['breaker'] {
  if (!breaker || breaker.requestTimeoutMs !== undefined || !requestTimeoutMs) return breaker;
  return { ...breaker, requestTimeoutMs };
}

function checkedBlocks(
  place: string,
  given: PartBlocks,
  forward: ForwardOptions,
  redis: boolean,
): SortedBlocks {
  const api = { forward, redis, at: (name: string) => at(place, name) };
  const blocks = ALL_PARTS.flatMap(({ name, options }): [string, object | false][] => {
    if (!options) return [];
    const said: unknown = blockMeant(options.words, Reflect.get(given, name));
    // Checked in the next line.
    const block = (said === undefined ? options.preset : said) as object | false;
    checkBlock(options.schema, block, at(place, name), API_PLACES, Object.keys(options.words ?? {}));
    if (block) options.check?.(block, at(place, name), api);
    return [[name, block]];
  });
  // Each was checked by the schema of its part.
  return Object.fromEntries(blocks) as unknown as SortedBlocks;
}

function explained(value: unknown, place: string): ExplainOptions | false {
  if (typeof value === 'boolean') return value && {};
  if (typeof value === 'object' && value !== null) return resolveExplain(value, place);
  throw invalidOption(place, 'must be true, false or an object of options', value);
}

function objective(value: unknown, place: string): ResolvedSlo | false {
  if (value === false) return false;
  if (typeof value === 'object' && value !== null) return resolveSlo(value, place);
  throw invalidOption(place, 'must be false or an object of options', value);
}

const at = (place: string, key: string) => (place === '' ? key : `${place}.${key}`);
