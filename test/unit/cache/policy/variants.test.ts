import { expect } from 'chai';
import { selectVariant, withVariant } from '../../../../lib/cache/policy/variants.js';
import { MAX_VARIANTS } from '../../../../lib/cache/store/entry.js';
import { date, get, NOW, SECOND, stored } from './stored-entry.js';

const FRESH = { 'Cache-Control': 'max-age=3600', Vary: 'Foo' };

/** The variant for a request with `Foo: value`, arrived some seconds from now. */
function variant(value: string, seconds = 0, headers: Readonly<Record<string, string>> = FRESH) {
  const at = NOW + seconds * SECOND;
  const times = { requestTime: at, responseTime: at };
  return { meta: stored({ Date: date(seconds), ...headers }, times, {}, get(['Foo', value])) };
}

describe('selectVariant()', () => {
  it('finds the variant for a request, and none where none matches', () => {
    const variants = [variant('1'), variant('2')];
    expect(selectVariant(variants, ['foo', '2'])).to.equal(variants[1]);
    expect(selectVariant(variants, ['foo', '3'])).to.equal(undefined);
    expect(selectVariant(variants, [])).to.equal(undefined);
  });

  it('selects the most recent of several that match', () => {
    const plain = variant('1', 10, { 'Cache-Control': 'max-age=3600' });
    const variants = [variant('1', 0), plain, variant('1', 5, { ...FRESH, Vary: 'Bar' })];
    expect(selectVariant(variants, ['foo', '1'])).to.equal(plain);
  });

  it('selects the one made last, and of those made in one moment the one that arrived last', () => {
    const bar = { ...FRESH, Vary: 'Bar' };
    const made = variant('1', 10, { ...bar, Date: date(0) });
    for (const other of [variant('1', 20, { ...FRESH, Date: date(0) }), variant('1', 5)]) {
      expect(selectVariant([made, other], ['foo', '1'])).to.equal(other);
      expect(selectVariant([other, made], ['foo', '1'])).to.equal(other);
    }
    const same = variant('1', 10, { ...FRESH, Date: date(0) });
    expect(selectVariant([made, same], ['foo', '1'])).to.equal(made);
  });

  it('does not let a Date in the future win over what came later', () => {
    const ahead = variant('1', 0, { ...FRESH, Date: date(9999) });
    const later = variant('1', 60, { ...FRESH, Vary: 'Bar' });
    expect(selectVariant([ahead, later], ['foo', '1'])).to.equal(later);
  });
});

describe('withVariant()', () => {
  it('adds a variant beside the others, newest first', () => {
    const [one, two] = [variant('1'), variant('2', 1)];
    expect(withVariant([one], two, NOW)).to.deep.equal([two, one]);
  });

  it('replaces the one for the same request headers', () => {
    const again = variant('1', 1);
    expect(
      withVariant([variant('1'), variant('2')], again, NOW).filter(
        ({ meta }) => meta.varyKey === again.meta.varyKey,
      ),
    ).to.deep.equal([again]);
  });

  it('replaces all with one that does not vary', () => {
    const plain = variant('1', 1, { 'Cache-Control': 'max-age=3600' });
    expect(withVariant([variant('1'), variant('2')], plain, NOW)).to.deep.equal([plain]);
  });

  it('drops the one that was unused for longest beyond the limit, however many there are', () => {
    let variants: (ReturnType<typeof variant> & { usedAt?: number })[] = [];
    const first = { ...variant('first'), usedAt: NOW + 1_000_000 };
    variants = withVariant(variants, first, NOW);
    for (let i = 0; i < 2 * MAX_VARIANTS; i++) variants = withVariant(variants, variant(String(i), i), NOW);
    expect(variants).to.have.length(MAX_VARIANTS);
    expect(selectVariant(variants, ['Foo', String(2 * MAX_VARIANTS - 1)])).to.equal(variants[0]);
    expect(selectVariant(variants, ['Foo', String(MAX_VARIANTS)])).to.equal(undefined);
    expect(selectVariant(variants, ['Foo', 'first'])).to.equal(first);
  });

  it('replaces none that varies on other headers of the same value', () => {
    const [foo, bar] = [variant(''), variant('', 1, { ...FRESH, Vary: 'Bar' })];
    const [one, other] = [foo, bar].map(({ meta }) => ({ meta: { ...meta, varyKey: 'same' } }));
    if (!one || !other) throw new Error('two variants');
    expect(withVariant([one], other, NOW)).to.deep.equal([other, one]);
  });

  it('takes what has arrived since for used, whenever it was used before', () => {
    const used = { ...variant('used', 1), usedAt: NOW + 50 * SECOND };
    const arrived = { ...variant('arrived', 100), usedAt: NOW };
    expect(withVariant<typeof used>([used, arrived], { ...variant('3', 200), usedAt: 0 }, NOW)[1]).to.equal(
      arrived,
    );
  });

  it('drops what is of no more use', () => {
    const old = variant('1');
    expect(withVariant([old], variant('2'), old.meta.keepUntil)).to.have.length(1);
  });
});
