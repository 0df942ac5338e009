import type { CircuitView } from '../shared/contract.js';
import { el, setAttribute, setText } from '../shared/element.js';
import { type IconName, icon } from '../shared/icon.js';
import type { CircuitCard } from './circuit-card.js';
import { LOOKS } from './circuit-order.js';
import { briefText } from './circuit-texts.js';
import type { Countdowns } from './countdown.js';

/** A circuit in the list: one line, which unfolds to its card. */
export class CircuitRow {
  readonly element: HTMLElement;
  readonly #countdowns: Countdowns;
  readonly #card: () => CircuitCard;
  readonly #state = el('span', { class: 'state' });
  readonly #text = el('span', { class: 'brief' });
  readonly #next = el('span', { class: 'number until-probe' });
  readonly #place = el('ul');
  readonly #details: HTMLDetailsElement;
  #icon: IconName | undefined;
  #circuit: CircuitView | undefined;
  #actions = false;

  /** @param card makes the card, when it is first unfolded */
  constructor(name: string, countdowns: Countdowns, card: () => CircuitCard) {
    this.#countdowns = countdowns;
    this.#card = card;
    const summary = el(
      'summary',
      { class: 'line' },
      this.#state,
      el('strong', {}, name),
      this.#text,
      this.#next,
    );
    this.#details = el('details', {}, summary, this.#place);
    this.#details.addEventListener('toggle', () => this.#showCard());
    this.element = el('li', { class: 'row' }, this.#details);
  }

  /** Shows the circuit as it is now. */
  show(circuit: CircuitView, actions: boolean): void {
    this.#circuit = circuit;
    this.#actions = actions;
    const look = LOOKS[circuit.state];
    if (this.#icon !== look.icon) this.#state.replaceChildren(icon(look.icon), el('span', {}, look.word));
    this.#icon = look.icon;
    setAttribute(this.element, 'data-tone', look.tone);
    setText(this.#text, briefText(circuit));
    const { state, timeToResetMs: leftMs } = circuit;
    const counts = state === 'OPEN' && leftMs !== null;
    this.#next.hidden = !counts;
    if (counts) {
      const words = (left: string) => `Next probe in ${left}`;
      this.#countdowns.begin(this.#next, { leftMs, words, over: 'The next call is a probe' });
    } else this.#countdowns.end(this.#next);
    this.#showCard();
  }

  /** Unfolds it and brings it into view. */
  focus(): void {
    this.#details.open = true;
    this.#details.querySelector('summary')?.focus();
  }

  #showCard(): void {
    if (!this.#details.open || !this.#circuit) return;
    const card = this.#card();
    card.show(this.#circuit, this.#actions);
    if (card.element.parentElement !== this.#place) this.#place.append(card.element);
  }
}
