import type { CircuitView } from '../shared/contract.js';
import { arrange, byId, el, setAttribute, setText } from '../shared/element.js';
import { formatCount } from '../shared/format.js';
import { icon } from '../shared/icon.js';
import { worstFirst } from './circuit-order.js';

const MAX_NAMED = 6;

/** The first line of the page: how many circuits are not closed, and which. */
export class Summary {
  readonly #place = byId('summary');
  readonly #good = icon('ok');
  readonly #bad = icon('stop');
  readonly #text = el('p');
  readonly #list = el('ul');
  readonly #more = el('button', { type: 'button', class: 'quiet' });
  readonly #items = new Map<string, HTMLElement>();
  readonly #open: (circuit: string) => void;
  #circuits: readonly CircuitView[] = [];
  #all = false;

  /** @param open leads to a circuit */
  constructor(open: (circuit: string) => void) {
    this.#open = open;
    this.#place.append(this.#good, this.#bad, this.#text, this.#list, this.#more);
    this.#more.addEventListener('click', () => {
      this.#all = !this.#all;
      this.show(this.#circuits);
    });
  }

  /** @returns the text for a screen reader */
  show(circuits: readonly CircuitView[]): string {
    this.#circuits = circuits;
    const open = circuits.filter(({ state }) => state === 'OPEN');
    const trying = circuits.filter(({ state }) => state === 'HALF_OPEN');
    const bad = [...open, ...trying].sort(worstFirst).map(({ circuit }) => circuit);
    this.#place.hidden = circuits.length === 0;
    setAttribute(this.#place, 'data-state', open.length > 0 ? 'bad' : trying.length > 0 ? 'warning' : 'good');
    this.#good.toggleAttribute('hidden', bad.length > 0);
    this.#bad.toggleAttribute('hidden', bad.length === 0);
    const text = words(open.length, trying.length, circuits.length);
    setText(this.#text, text);
    arrange(
      this.#list,
      bad.slice(0, this.#all ? undefined : MAX_NAMED).map((name) => this.#item(name)),
    );
    this.#list.hidden = bad.length === 0;
    const more = bad.length - MAX_NAMED;
    this.#more.hidden = more <= 0;
    setText(this.#more, this.#all ? 'Show fewer' : `Show ${formatCount(more)} more`);
    setAttribute(this.#more, 'aria-expanded', String(this.#all));
    const named = bad.slice(0, MAX_NAMED).join(', ');
    return `${text} ${named}${more > 0 ? ` and ${more} more` : ''}`.trim();
  }

  #item(name: string): HTMLElement {
    const known = this.#items.get(name);
    if (known) return known;
    const link = el('a', { href: `?search=${encodeURIComponent(name)}` }, el('strong', {}, name));
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.#open(name);
    });
    const item = el('li', {}, link);
    this.#items.set(name, item);
    return item;
  }
}

function words(open: number, trying: number, all: number): string {
  if (open + trying === 0) return all === 1 ? 'The circuit is closed' : `All ${all} circuits are closed`;
  const parts = [open > 0 && `${open} open`, trying > 0 && `${trying} half open`].filter(Boolean);
  return `${parts.join(' and ')} of ${all} ${all === 1 ? 'circuit' : 'circuits'}:`;
}
