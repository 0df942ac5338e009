import { type EntryMeta, MAX_VARIANTS } from '../store/entry.js';
import type { RawHeaders } from './headers.js';
import { selectingKey } from './vary.js';

/** The stored variant that a request selects: of those that match, the most recent (RFC 9111 §4.1). */
export function selectVariant<Variant extends { readonly meta: EntryMeta }>(
  variants: readonly Variant[],
  requestHeaders: RawHeaders,
): Variant | undefined {
  let selected: Variant | undefined;
  for (const variant of variants) {
    if (matches(variant.meta, requestHeaders) && isMoreRecent(variant.meta, selected?.meta))
      selected = variant;
  }
  return selected;
}

function matches(meta: EntryMeta, requestHeaders: RawHeaders): boolean {
  return meta.varyNames.length === 0 || selectingKey(meta.varyNames, requestHeaders) === meta.varyKey;
}

function isMoreRecent(meta: EntryMeta, than: EntryMeta | undefined): boolean {
  if (than === undefined) return true;
  const [made, madeThan] = [madeAt(meta), madeAt(than)];
  return made === madeThan ? meta.responseTime > than.responseTime : made > madeThan;
}

/** A `Date` in the future would win over every later response until it is reached. */
function madeAt(meta: EntryMeta): number {
  return Math.min(meta.dateMs, meta.responseTime);
}

/**
 * The variants of a key with one added, newest first. It replaces the one for the same request headers, and all of
 * them where it has no `Vary`, since every request then selects it. Variants that are of no more use are dropped, and
 * beyond {@link MAX_VARIANTS} those that were unused for longest.
 */
export function withVariant<
  Variant extends { readonly meta: EntryMeta; readonly usedAt?: number | undefined },
>(variants: readonly Variant[], added: Variant, now: number): Variant[] {
  if (added.meta.varyNames.length === 0) return [added];
  const others = variants.filter(({ meta }) => meta.keepUntil > now && !isSameSelection(meta, added.meta));
  others.sort((one, other) => lastUse(other) - lastUse(one));
  return [added, ...others].slice(0, MAX_VARIANTS);
}

const lastUse = ({ meta, usedAt = 0 }: { readonly meta: EntryMeta; readonly usedAt?: number | undefined }) =>
  Math.max(meta.responseTime, usedAt);

function isSameSelection(one: EntryMeta, other: EntryMeta): boolean {
  return one.varyKey === other.varyKey && one.varyNames.join() === other.varyNames.join();
}
