import { el } from '../shared/element.js';

/** A row of a long table; it shows one line at a time and is reused for others. */
export interface VirtualRow {
  readonly row: HTMLTableRowElement;
  /** Shows the line with this index. */
  show(index: number): void;
}

/** Rows drawn beyond either edge, for fast scrolling and the tab key. */
const OVERSCAN = 8;

/**
 * The body of a table of any length: only the visible rows exist. A row keeps its line while it is visible, so that the
 * focus stays where it is.
 */
export class VirtualRows {
  readonly #scroller: HTMLElement;
  readonly #body: HTMLElement;
  readonly #makeRow: () => VirtualRow;
  readonly #above = spacer();
  readonly #below = spacer();
  readonly #rows: (VirtualRow & { at: number })[] = [];
  #length = 0;
  #rowHeight = 32;
  #frame: number | undefined;

  constructor(scroller: HTMLElement, body: HTMLElement, makeRow: () => VirtualRow) {
    this.#scroller = scroller;
    this.#body = body;
    this.#makeRow = makeRow;
    body.append(this.#above.row, this.#below.row);
    scroller.addEventListener('scroll', () => this.#soon(), { passive: true });
    new ResizeObserver(() => {
      this.#measure();
      this.#soon();
    }).observe(scroller);
  }

  /** Shows a table of this length and redraws every row. */
  draw(length: number): void {
    this.#length = length;
    for (const row of this.#rows) row.at = -1;
    // The style sheet limits the height of a short table.
    this.#scroller.style.setProperty('--rows', String(length));
    this.#measure();
    this.#layOut();
  }

  toTop(): void {
    this.#scroller.scrollTop = 0;
  }

  #soon(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#layOut();
    });
  }

  /** The style sheet sets the height of a row: rows are taller on touch screens. */
  #measure(): void {
    this.#rowHeight = Number.parseFloat(getComputedStyle(this.#scroller).getPropertyValue('--row')) || 32;
  }

  #layOut(): void {
    const { scrollTop, clientHeight } = this.#scroller;
    const inSight = Math.ceil(clientHeight / this.#rowHeight) + 1 + 2 * OVERSCAN;
    const size = Math.min(this.#length, inSight);
    const first = Math.max(
      0,
      Math.min(this.#length - size, Math.floor(scrollTop / this.#rowHeight) - OVERSCAN),
    );
    while (this.#rows.length > size) this.#rows.pop()?.row.remove();
    while (this.#rows.length < size) this.#rows.push({ ...this.#makeRow(), at: -1 });
    this.#above.height(first * this.#rowHeight);
    this.#below.height((this.#length - first - size) * this.#rowHeight);
    let before: Element = this.#above.row;
    for (let at = first; at < first + size; at++) {
      // A line always gets the same row, whatever else becomes visible.
      const row = this.#rows[at % size];
      if (!row) continue;
      if (row.at !== at) row.show(at);
      row.at = at;
      if (before.nextElementSibling !== row.row) before.after(row.row);
      before = row.row;
    }
    if (before.nextElementSibling !== this.#below.row) this.#body.append(this.#below.row);
  }
}

function spacer(): { row: HTMLTableRowElement; height(px: number): void } {
  const row = el('tr', { class: 'spacer', 'aria-hidden': 'true' });
  let last = -1;
  return {
    row,
    height(px) {
      if (px !== last) row.style.height = `${px}px`;
      last = px;
    },
  };
}
