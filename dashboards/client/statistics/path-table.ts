import { el, setAttribute, setText } from '../shared/element.js';
import { formatCount, formatMany } from '../shared/format.js';
import type { PathColumns } from '../shared/path-figures.js';
import { panel } from './distribution.js';
import { INITIAL, type PageState, type SortKey, selectionOf } from './page-state.js';
import { orderPaths, PATH_COLUMNS } from './path-columns.js';
import { isBad } from './severity.js';
import { type VirtualRow, VirtualRows } from './virtual-rows.js';

/** The span that the table covers, by period. */
const SPANS = { all: 'all time', daily: 'the last 7 days', hourly: 'the last 24 hours' } as const;

/** Every path of an API: sortable, searchable, of any length. A path links to its own figures. */
export class PathTable {
  readonly #change: (change: Partial<PageState>) => void;
  readonly #caption = el('span', { class: 'caption' });
  readonly #search = el('input', {
    type: 'search',
    id: 'path-search',
    placeholder: 'Part of a path',
    autocomplete: 'off',
  });
  readonly #found = el('span', { class: 'caption', role: 'status' });
  readonly #heads = new Map<SortKey, HTMLElement>();
  readonly #table = el('table', { class: 'paths' });
  readonly #rows: VirtualRows;
  #paths: PathColumns | undefined;
  #state: PageState = INITIAL;
  #order: readonly number[] = [];

  constructor(change: (change: Partial<PageState>) => void) {
    this.#change = change;
    const place = panel('paths', 'Paths');
    const scroller = el(
      'div',
      { class: 'scroll long', tabindex: 0, role: 'region', 'aria-label': 'Table of paths' },
      this.#table,
    );
    const body = el('tbody');
    this.#table.append(el('thead', {}, el('tr', { 'aria-rowindex': 1 }, ...this.#makeHeads())), body);
    this.#rows = new VirtualRows(scroller, body, () => this.#makeRow());
    this.#search.addEventListener('input', () => change({ search: this.#search.value }));
    place.firstElementChild?.append(
      this.#caption,
      el(
        'div',
        { class: 'search' },
        this.#found,
        el('label', { for: 'path-search' }, 'Search'),
        this.#search,
      ),
    );
    place.append(scroller);
  }

  /** Shows other figures. */
  show(paths: PathColumns): void {
    this.#paths = paths;
    setText(this.#caption, SPANS[paths.period]);
    this.#draw();
  }

  /** Applies another order or filter. */
  arrange(state: PageState): void {
    const { sort, descending, search } = this.#state;
    const changed = sort !== state.sort || descending !== state.descending || search !== state.search;
    this.#state = state;
    if (this.#search.value !== state.search) this.#search.value = state.search;
    for (const [key, head] of this.#heads) {
      setAttribute(head, 'aria-sort', key === state.sort && (state.descending ? 'descending' : 'ascending'));
    }
    if (changed) this.#rows.toTop();
    this.#draw();
  }

  #draw(): void {
    const paths = this.#paths;
    if (!paths) return;
    this.#order = orderPaths(paths, this.#state);
    const all = paths.path.length;
    const some = this.#order.length;
    setText(
      this.#found,
      some === all ? formatMany(all, 'path') : `${formatCount(some)} of ${formatMany(all, 'path')}`,
    );
    setAttribute(this.#table, 'aria-rowcount', some + 1);
    this.#rows.draw(some);
  }

  #makeHeads(): HTMLElement[] {
    const columns = [{ key: 'path' as const, name: 'Path', minor: undefined }, ...PATH_COLUMNS];
    return columns.map(({ key, name, minor }) => {
      const button = el('button', { type: 'button' }, name);
      const head = el('th', { scope: 'col', class: minor }, button);
      button.addEventListener('click', () => this.#sortBy(key));
      this.#heads.set(key, head);
      return head;
    });
  }

  /** Reverses the current order; a new column starts with its highest figure, or with A for names. */
  #sortBy(key: SortKey): void {
    const { sort, descending } = this.#state;
    this.#change({ sort: key, descending: key === sort ? !descending : key !== 'path' });
  }

  #makeRow(): VirtualRow {
    const link = el('a', {});
    const cells = PATH_COLUMNS.map(({ minor }) => el('td', { class: minor }));
    const row = el('tr', {}, el('th', { scope: 'row' }, link), ...cells);
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.#change({ path: link.textContent ?? '' });
    });
    const show = (index: number): void => {
      const paths = this.#paths;
      const i = this.#order[index];
      if (!paths || i === undefined) return;
      const path = paths.path[i] ?? '';
      setText(link, path);
      setAttribute(
        link,
        'href',
        `?${selectionOf({ ...this.#state, api: paths.api, path, period: paths.period })}`,
      );
      setAttribute(link, 'title', path);
      setAttribute(row, 'aria-rowindex', index + 2);
      setAttribute(row, 'data-bad', isBad(paths.failure[i] ?? 0, paths.total[i] ?? 0));
      cells.forEach((cell, column) => {
        const text = PATH_COLUMNS[column]?.text(paths, i) ?? '';
        const full = PATH_COLUMNS[column]?.full?.(paths, i);
        setText(cell, text);
        setAttribute(cell, 'title', full !== text && full);
      });
    };
    return { row, show };
  }
}
