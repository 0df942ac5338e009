import type { CircuitView } from '../shared/contract.js';
import { byId, el, setAttribute, setText } from '../shared/element.js';
import { icon } from '../shared/icon.js';
import { worstFirst } from './circuit-order.js';

const MAX_NAMED = 5;

/** The first line of the page: how many circuits are not closed, and which. */
export class Summary {
  readonly #place = byId('summary');
  readonly #good = icon('ok');
  readonly #bad = icon('stop');
  readonly #text = el('p');
  readonly #names = el('span');

  constructor() {
    this.#place.append(this.#good, this.#bad, this.#text, this.#names);
  }

  /** @returns the text for a screen reader */
  show(circuits: readonly CircuitView[]): string {
    const open = circuits.filter(({ state }) => state === 'OPEN');
    const trying = circuits.filter(({ state }) => state === 'HALF_OPEN');
    const bad = [...open, ...trying].sort(worstFirst);
    this.#place.hidden = circuits.length === 0;
    setAttribute(this.#place, 'data-state', open.length > 0 ? 'bad' : trying.length > 0 ? 'warning' : 'good');
    this.#good.toggleAttribute('hidden', bad.length > 0);
    this.#bad.toggleAttribute('hidden', bad.length === 0);
    const text = words(open.length, trying.length, circuits.length);
    const named = bad.slice(0, MAX_NAMED).map(({ circuit }) => circuit);
    const names = `${named.join(', ')}${bad.length > named.length ? ` and ${bad.length - named.length} more` : ''}`;
    setText(this.#text, text);
    setText(this.#names, names);
    return `${text} ${names}`.trim();
  }
}

function words(open: number, trying: number, all: number): string {
  if (open + trying === 0) return all === 1 ? 'The circuit is closed' : `All ${all} circuits are closed`;
  const parts = [open > 0 && `${open} open`, trying > 0 && `${trying} half open`].filter(Boolean);
  return `${parts.join(' and ')} of ${all} ${all === 1 ? 'circuit' : 'circuits'}:`;
}
