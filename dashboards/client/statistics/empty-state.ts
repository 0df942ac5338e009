import type { View } from '../shared/contract.js';
import { byId, el, setText } from '../shared/element.js';
import { PERIOD_NAMES } from './controls.js';

/** Shown instead of figures when there are none, with what to do. */
export class EmptyState {
  readonly #place = byId('empty');
  readonly #title = el('h2');
  readonly #text = el('p');

  constructor() {
    this.#place.append(this.#title, this.#text);
  }

  hide(): void {
    this.#place.hidden = true;
  }

  /** There is no API yet. */
  noApi(): void {
    this.#show('No calls yet', 'An API shows up here with its first call. Call one through the proxy.');
  }

  /** The selection has no calls. */
  noCalls({ api, path, period }: View): void {
    const what = path ?? api;
    if (period === 'all') {
      const name = path === undefined ? 'the API' : 'the path';
      this.#show(`No calls to ${what} yet`, `Call ${name} once through the proxy.`);
      return;
    }
    this.#show(`No calls to ${what} in this period`, `Choose ${PERIOD_NAMES.all} to see older ones.`);
  }

  #show(title: string, text: string): void {
    setText(this.#title, title);
    setText(this.#text, text);
    this.#place.hidden = false;
  }
}
