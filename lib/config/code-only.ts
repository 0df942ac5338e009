import { API_PLACES, ROOT_PLACES } from '../apis/places.js';
import {
  OWN_METRICS_OPTIONS,
  OWN_STATS_OPTIONS,
  OWN_TRACING_OPTIONS,
  SHARED_OPTIONS,
} from '../apis/shared-options.js';
import type { OtherPlaces } from '../core/unknown-name.js';
import { metricsFileShape } from '../metrics/metrics-options.js';
import { statsFileShape } from '../stats/stats-options.js';
import { tracingFileShape } from '../tracing/tracing-options.js';
import { apiSchema, fileSchema, PART_SHAPES, SERVER_OPTIONS } from './schema.js';

const WAY_OUT = 'load the file with loadConfig(), set it in the result and pass that to resilientProxy()';

/** For the options that have a counterpart in a file. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  agent: 'in a file, proxyRotate names egress proxies, and connections bounds the pool',
  ssl: 'in a file, use ca, cert, key and servername',
  'cache.store': 'in a file, the block redis shares the cache',
};

/** Those of these options that a file cannot hold, by their paths. */
const missing = (names: readonly string[], file: object, block = ''): string[] =>
  names
    .filter((name) => !Object.hasOwn(file, name))
    .map((name) => (block === '' ? name : `${block}.${name}`));

const FILE_SHAPES: Readonly<Record<string, object>> = { ...PART_SHAPES, '': apiSchema.shape };

const OF_AN_API = Object.entries(API_PLACES.blocks).flatMap(([block, names]) =>
  missing(names, FILE_SHAPES[block] ?? {}, block),
);
const OF_THE_ROOT = [
  ...missing(SHARED_OPTIONS, fileSchema.shape),
  ...missing(OWN_STATS_OPTIONS, statsFileShape, 'stats'),
  ...missing(OWN_METRICS_OPTIONS, metricsFileShape, 'metrics'),
  ...missing(OWN_TRACING_OPTIONS, tracingFileShape, 'tracing'),
];

const AT_THE_ROOT: OtherPlaces = {
  blocks: { ...ROOT_PLACES.blocks, server: SERVER_OPTIONS },
};
const IN_AN_API: OtherPlaces = { ...API_PLACES, codeOnly: OF_AN_API };

/** The path within an API or `defaults`; `undefined` for one that leads to neither. */
function withinApi([root, ...rest]: readonly PropertyKey[]): readonly PropertyKey[] | undefined {
  if (root === 'defaults') return rest;
  return (root === 'apis' || root === 'api_configs') && rest.length > 0 ? rest.slice(1) : undefined;
}

/** Where a name may belong that is unknown in the object at this path of a file. */
export function placesFor(owner: readonly PropertyKey[]): OtherPlaces | undefined {
  if (withinApi(owner)) return IN_AN_API;
  return owner.length === 0 ? AT_THE_ROOT : undefined;
}

/** What to say about an option at this path that only code can set; `undefined` for any other. */
export function codeOnlyRule(path: readonly PropertyKey[]): string | undefined {
  const inApi = withinApi(path);
  const name = (inApi ?? path).join('.');
  if (!(inApi ? OF_AN_API : OF_THE_ROOT).includes(name)) return undefined;
  return `can be set in code only; ${WAYS_OUT[name] ?? WAY_OUT}`;
}
