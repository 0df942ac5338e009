import type { Counts } from '../shared/contract.js';
import { arrange, byId, el, setAttribute, setText } from '../shared/element.js';
import { formatCount, formatRatio } from '../shared/format.js';

/** One line of a distribution. */
export interface Share {
  readonly key: string;
  readonly label: string;
  readonly count: number;
  readonly tone?: 'good' | 'warning' | 'bad' | 'plain';
}

interface Line {
  readonly row: HTMLTableRowElement;
  readonly label: HTMLElement;
  readonly bar: HTMLElement;
  readonly count: HTMLElement;
  readonly share: HTMLElement;
}

/** Shares of a whole: a table whose rows have bars. */
export class Distribution {
  readonly #nothing: string;
  readonly #empty = el('p', { class: 'nothing' });
  readonly #body = el('tbody');
  readonly #table: HTMLElement;
  readonly #lines = new Map<string, Line>();

  constructor(
    place: HTMLElement,
    { caption, of, nothing }: { caption: string; of: string; nothing: string },
  ) {
    this.#nothing = nothing;
    const heads = [of, 'Calls', 'Share'].map((name) => el('th', { scope: 'col' }, name));
    this.#table = el(
      'table',
      { class: 'shares' },
      el('caption', { class: 'unseen' }, caption),
      el('thead', { class: 'unseen' }, el('tr', {}, ...heads)),
      this.#body,
    );
    place.append(this.#table, this.#empty);
  }

  /** Shows these shares, in this order. */
  show(shares: readonly Share[]): void {
    const whole = shares.reduce((all, { count }) => all + count, 0);
    this.#table.hidden = whole === 0;
    this.#empty.hidden = whole > 0;
    setText(this.#empty, this.#nothing);
    arrange(
      this.#body,
      shares.map((share) => this.#row(share, whole)),
    );
  }

  #row({ key, label, count, tone = 'plain' }: Share, whole: number): HTMLElement {
    const line = this.#lines.get(key) ?? newLine();
    this.#lines.set(key, line);
    setText(line.label, label);
    setText(line.count, formatCount(count));
    setText(line.share, formatRatio(count, whole));
    setAttribute(line.row, 'data-tone', tone);
    line.bar.style.width = `${whole === 0 ? 0 : (count / whole) * 100}%`;
    return line.row;
  }
}

function newLine(): Line {
  const label = el('span', { class: 'label' });
  const bar = el('span', { class: 'bar', 'aria-hidden': 'true' });
  const count = el('td', { class: 'number' });
  const share = el('td', { class: 'number' });
  const row = el(
    'tr',
    {},
    el('th', { scope: 'row' }, label, el('span', { class: 'rail' }, bar)),
    count,
    share,
  );
  return { row, label, bar, count, share };
}

/** A panel with a heading. */
export function panel(id: string, title: string): HTMLElement {
  const place = byId(id);
  place.append(el('header', {}, el('h2', { id: `${id}-title` }, title)));
  return place;
}

/** Counts as shares, the most frequent first. */
export function mostFirst(counts: Counts): Share[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([key, count]) => ({ key, label: key, count }));
}
