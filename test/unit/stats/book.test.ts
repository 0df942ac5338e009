import { expect } from 'chai';
import { Book, WHOLE } from '../../../lib/stats/book.js';
import { encodeTally } from '../../../lib/stats/digest/tally-codec.js';
import { ALL, keptPages, type Page, pageId } from '../../../lib/stats/periods.js';
import { deltaOf, talliedOf } from './digest/deltas.js';

const NOW = Date.UTC(2026, 0, 15, 12, 30);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const totals = (book: Book, pages: readonly Page[], path = WHOLE) =>
  pages.map((page) => book.get(page, path)?.total ?? 0);

describe('Book', () => {
  it('adds a request to every page it belongs to', () => {
    const book = new Book(10);
    book.apply(deltaOf(NOW, { '/a': 2 }), NOW);
    book.apply(deltaOf(NOW + 1000, { '/a': 1, '/b': 1 }), NOW + 1000);
    expect(book.get(ALL, WHOLE)).to.include({ total: 4 });
    for (const span of ['minute', 'hour', 'day'] as const) {
      expect(totals(book, keptPages('api', span, NOW)).at(-1), span).to.equal(4);
    }
    for (const span of ['hour', 'day'] as const) {
      expect(totals(book, keptPages('paths', span, NOW), '/a').at(-1), span).to.equal(3);
    }
    expect(book.paths(ALL)).to.deep.equal(['/a', '/b']);
  });

  it('keeps 60 minutes, 168 hours and 30 days, of paths 24 hours and 7 days', () => {
    const book = new Book(10);
    for (let at = NOW - 40 * DAY; at <= NOW; at += 30 * MINUTE) {
      book.apply(deltaOf(at, { '/a': 1 }), at);
      book.turn(at);
    }
    expect(totals(book, keptPages('api', 'minute', NOW)).filter((total) => total > 0)).to.have.length(2);
    expect(totals(book, keptPages('api', 'hour', NOW))).to.deep.equal(Array(168).fill(2));
    expect(totals(book, keptPages('api', 'day', NOW))).to.deep.equal([...Array(29).fill(48), 26]);
    expect(totals(book, keptPages('paths', 'hour', NOW), '/a')).to.deep.equal(Array(24).fill(2));
    expect(totals(book, keptPages('paths', 'day', NOW), '/a')).to.deep.equal([...Array(6).fill(48), 26]);
    const tooOld: Page[] = [
      { kind: 'api', span: 'minute', start: NOW - HOUR },
      { kind: 'api', span: 'hour', start: NOW - 30 * MINUTE - 168 * HOUR },
      { kind: 'paths', span: 'hour', start: NOW - 30 * MINUTE - 24 * HOUR },
    ];
    expect(totals(book, tooOld)).to.deep.equal([0, 0, 0]);
    expect(book.get(ALL, '/a')?.total).to.equal(40 * 48 + 1);
  });

  it('says since when it counts, unless an earlier version has begun', () => {
    const book = new Book(10);
    book.apply(deltaOf(NOW, { '/a': 1 }), NOW);
    book.apply(deltaOf(NOW - HOUR, { '/b': 1 }), NOW);
    book.apply(deltaOf(NOW + HOUR, { '/a': 1 }), NOW + HOUR);
    expect(['', '/a', '/b'].map((path) => book.get(ALL, path)?.since)).to.deep.equal([
      ...[NOW - HOUR, NOW, NOW - HOUR],
    ]);
    const old = new Book(10);
    old.put(ALL, WHOLE, encodeTally(talliedOf([1, 2])));
    old.apply(deltaOf(NOW, { '/a': 1 }), NOW);
    expect(old.get(ALL, WHOLE)).to.include({ total: 3, since: undefined });
  });

  it('counts paths beyond the limit together', () => {
    const book = new Book(2);
    book.apply(deltaOf(NOW, { '/a': 1, '/b': 1 }), NOW);
    book.apply(deltaOf(NOW, { '/c': 1, '/a': 1, '/d': 4 }), NOW);
    expect(book.paths(ALL)).to.deep.equal(['/a', '/b', '(other)']);
    expect(book.get(ALL, '(other)')?.total).to.equal(5);
    expect(book.get(ALL, '/a')?.total).to.equal(2);
  });

  it('includes paths that were not loaded in the limit', () => {
    const book = new Book(2);
    book.countPaths(2);
    book.apply(deltaOf(NOW, { '/a': 1 }), NOW);
    expect(book.paths(ALL)).to.deep.equal(['(other)']);
  });

  it('adds a late delta to the hour it belongs to, and counts it as late', () => {
    const book = new Book(10);
    book.apply(deltaOf(NOW, { '/a': 1 }), NOW);
    expect(book.late).to.equal(0);
    book.turn(NOW + HOUR);
    book.apply(deltaOf(NOW, { '/a': 2 }), NOW + HOUR);
    expect(book.late).to.equal(1);
    expect(totals(book, keptPages('paths', 'hour', NOW + HOUR), '/a').slice(-2)).to.deep.equal([3, 0]);
  });

  it('adds a very late delta to the pages that are still kept', () => {
    const book = new Book(10);
    book.apply(deltaOf(NOW - 40 * DAY, { '/a': 2 }), NOW);
    expect(book.get(ALL, '/a')?.total).to.equal(2);
    expect(totals(book, keptPages('api', 'day', NOW)).every((total) => total === 0)).to.equal(true);
  });

  it('drops pages in the future when they are as old by the steady clock as they are kept', () => {
    const book = new Book(10);
    const future = NOW + 365 * DAY;
    book.apply(deltaOf(future, { '/a': 1 }), future);
    book.turn(future, 0);
    book.apply(deltaOf(NOW, { '/a': 1 }), NOW);
    book.turn(NOW, 1000);
    const [last] = keptPages('api', 'day', future).slice(-1);
    book.turn(NOW + 30 * DAY, 30 * DAY - 1);
    expect(last && book.get(last, WHOLE)?.total).to.equal(1);
    book.turn(NOW + 30 * DAY, 30 * DAY);
    expect(last && book.get(last, WHOLE)).to.equal(undefined);
  });

  it('keeps every page while the time of day is wrong, in whichever direction', () => {
    for (const wrong of [NOW + 365 * DAY, NOW - 365 * DAY]) {
      const book = new Book(10);
      for (let at = NOW - 2 * DAY; at <= NOW; at += HOUR) {
        book.apply(deltaOf(at, { '/a': 1 }), at);
        book.turn(at);
      }
      book.apply(deltaOf(NOW, { '/a': 1 }), wrong);
      book.apply(deltaOf(wrong, { '/a': 1 }), wrong);
      book.turn(wrong, NOW + MINUTE);
      book.turn(NOW, NOW + 2 * MINUTE);
      expect(totals(book, keptPages('api', 'hour', NOW)).slice(-49)).to.deep.equal([...Array(48).fill(1), 2]);
      expect(totals(book, keptPages('paths', 'hour', NOW), '/a')).to.deep.equal([...Array(23).fill(1), 2]);
      expect(totals(book, keptPages('paths', 'day', NOW), '/a').slice(-3)).to.deep.equal([12, 24, 14]);
    }
  });

  it('drops and counts a damaged entry', () => {
    const book = new Book(10);
    book.put(ALL, '/a', Buffer.from('nonsense'));
    expect(book.get(ALL, '/a')).to.equal(undefined);
    expect(book.corrupt).to.equal(1);
    book.apply(deltaOf(NOW, { '/a': 1 }), NOW);
    expect(book.get(ALL, '/a')?.total).to.equal(1);
  });

  it('treats __proto__ and constructor like any path', () => {
    const book = new Book(10);
    const delta = deltaOf(NOW, { '/a': 1 });
    const tally = delta.paths.get('/a');
    if (!tally) throw new Error('There is no such path');
    book.apply(
      {
        ...delta,
        paths: new Map([
          ['__proto__', tally],
          ['constructor', tally],
        ]),
      },
      NOW,
    );
    expect(book.paths(ALL)).to.deep.equal(['__proto__', 'constructor']);
  });
});

describe('pageId()', () => {
  it('is different for every page', () => {
    const pages = [
      ALL,
      ...(['minute', 'hour', 'day'] as const).flatMap((span) => [
        ...keptPages('api', span, NOW),
        ...keptPages('paths', span, NOW),
      ]),
    ];
    expect(new Set(pages.map(pageId)).size).to.equal(1 + 60 + 168 + 30 + 24 + 7);
  });
});
