import { NAMES_ELSEWHERE } from '../core/names-elsewhere.js';
import type { OtherPlaces } from '../core/unknown-name.js';
import { explainSchema } from '../explain/explain-options.js';
import { sloSchema } from '../stats/slo/slo-options.js';
import { FORWARD_OPTIONS } from '../upstream/options/resolve-forward.js';
import { ALL_PARTS } from './part-list.js';

const OWN_OPTIONS = ['requiresBody', 'validateJson', 'maxBodyBytes', 'explain', 'slo', 'stages'];

/** Names of the options in each block of an API. */
const BLOCKS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  ALL_PARTS.flatMap(({ name, options }) => (options ? [[name, Object.keys(options.schema.shape)]] : [])),
);

/** Names of the options of one API. */
export const API_OPTIONS: readonly string[] = [...OWN_OPTIONS, ...Object.keys(BLOCKS), ...FORWARD_OPTIONS];

/** Every option of an API by its block, for one that is written in the wrong one. */
export const API_PLACES = {
  blocks: {
    ...BLOCKS,
    explain: Object.keys(explainSchema.shape),
    slo: Object.keys(sloSchema.shape),
    // http2 has no effect wherever it stands.
    '': API_OPTIONS.filter((name) => name !== 'http2'),
  },
  elsewhere: NAMES_ELSEWHERE,
} as const satisfies OtherPlaces;

/** For an option of an API that is written beside `apis`. */
export const ROOT_PLACES: OtherPlaces = {
  blocks: { 'apis.<name>': API_PLACES.blocks[''], defaults: API_PLACES.blocks[''] },
};
