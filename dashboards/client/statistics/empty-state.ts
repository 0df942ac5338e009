import type { View } from '../shared/contract.js';
import { byId, el, setText } from '../shared/element.js';
import { PERIOD_NAMES } from './controls.js';

/** What stands in place of the figures where there are none, and says what to do. */
export class EmptyState {
  readonly #place = byId('empty');
  readonly #title = el('h2');
  readonly #text = el('p');
  readonly #command = el('pre');

  constructor() {
    this.#place.append(this.#title, this.#text, this.#command);
  }

  hide(): void {
    this.#place.hidden = true;
  }

  /** There is no API at all. */
  noApi(): void {
    this.#show(
      'No calls yet',
      'An API shows up here with its first call. Send one through the gateway:',
      '<name>',
    );
  }

  /** Nothing was called in what is chosen. */
  noCalls({ api, path, period }: View): void {
    const what = path ?? api;
    if (period === 'all') {
      this.#show(
        `No calls to ${what} yet`,
        'Send one through the gateway:',
        path === undefined ? api : undefined,
      );
      return;
    }
    this.#show(
      `No calls to ${what} in this time`,
      `Choose ${PERIOD_NAMES.all} to see older ones.`,
      undefined,
    );
  }

  #show(title: string, text: string, api: string | undefined): void {
    setText(this.#title, title);
    setText(this.#text, text);
    setText(this.#command, `curl -i ${location.origin}/api/${api}/`);
    this.#command.hidden = api === undefined;
    this.#place.hidden = false;
  }
}
