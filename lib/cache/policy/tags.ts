import { headerValue } from '../../http/headers.js';
import { allValues, type RawHeaders } from './headers.js';

/** Tags kept per response; where an upstream sends more, the first ones. */
export const MAX_TAGS = 64;

/** Longer tags are dropped: nobody purges by them, and each is a key in the store. */
export const MAX_TAG_LENGTH = 256;

const TAG_HEADERS: readonly string[] = ['surrogate-key', 'cache-tag'];

/** The tags of a response: `Surrogate-Key`, separated by spaces, and `Cache-Tag`, by commas. */
export function responseTags(rawHeaders: RawHeaders): string[] {
  if (TAG_HEADERS.every((name) => headerValue(rawHeaders, name) === undefined)) return [];
  const keys = allValues(rawHeaders, 'surrogate-key').flatMap((value) => value.split(/[ \t]+/));
  const tags = allValues(rawHeaders, 'cache-tag').flatMap((value) => value.split(','));
  return boundedTags([...keys, ...tags]);
}

/** Tags trimmed and deduplicated, within the limits on number and length. */
export function boundedTags(tags: readonly string[]): string[] {
  const kept = new Set<string>();
  for (const tag of tags) {
    const trimmed = tag.trim();
    if (trimmed !== '' && trimmed.length <= MAX_TAG_LENGTH && kept.size < MAX_TAGS) kept.add(trimmed);
  }
  return [...kept];
}
