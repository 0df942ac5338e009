import { allValues, firstValue, type RawHeaders } from './headers.js';

/** Tags kept of one answer; an upstream that sends more gets the first ones. */
export const MAX_TAGS = 64;

/** Longer tags are left out: nobody purges by them, and each is a key in the store. */
export const MAX_TAG_LENGTH = 256;

const TAG_FIELDS: readonly string[] = ['surrogate-key', 'cache-tag'];

/** The tags an answer carries: `Surrogate-Key`, separated by spaces, and `Cache-Tag`, by commas. */
export function responseTags(rawHeaders: RawHeaders): string[] {
  if (TAG_FIELDS.every((name) => firstValue(rawHeaders, name) === undefined)) return [];
  const keys = allValues(rawHeaders, 'surrogate-key').flatMap((value) => value.split(/[ \t]+/));
  const tags = allValues(rawHeaders, 'cache-tag').flatMap((value) => value.split(','));
  return boundedTags([...keys, ...tags]);
}

/** Tags trimmed, each once, as many and as long as are allowed. */
export function boundedTags(tags: readonly string[]): string[] {
  const kept = new Set<string>();
  for (const tag of tags) {
    const trimmed = tag.trim();
    if (trimmed !== '' && trimmed.length <= MAX_TAG_LENGTH && kept.size < MAX_TAGS) kept.add(trimmed);
  }
  return [...kept];
}
