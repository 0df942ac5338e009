import type { Problem } from './contract.js';
import { byId, el, setText } from './element.js';
import { icon } from './icon.js';

/** What to do about a problem, by its code. */
const ADVICE: Readonly<Record<string, string>> = {
  ERR_UNREACHABLE: 'Check that the program runs and that you can reach it. The page goes on trying.',
  ERR_UNAUTHORIZED: 'Reload the page to sign in again.',
  ERR_FORBIDDEN: 'Reload the page, and ask whoever runs this for access.',
  ERR_NOT_FOUND: 'Choose another API or path above.',
  ERR_BAD_REQUEST: 'Something in the address of the page is wrong. Choose anew above.',
  ERR_INTERNAL: 'What is shown may be old. The program’s log says more; the page goes on trying.',
};

/** The place at the head of the page that tells what is wrong with the page itself. */
export class Notice {
  readonly #place = byId('notice');
  readonly #text = el('strong');
  readonly #advice = el('span');

  constructor() {
    this.#place.append(icon('warning'), el('p', {}, this.#text, ' ', this.#advice));
    this.#place.hidden = true;
  }

  /** Shows a problem, or that there is none. */
  show(problem: Problem | undefined): void {
    this.#place.hidden = problem === undefined;
    if (!problem) return;
    setText(this.#text, `${problem.error}.`);
    setText(this.#advice, ADVICE[problem.code] ?? '');
  }
}

/** Has a screen reader say something that is seen on the page anyway. */
export function announce(text: string): void {
  setText(byId('announcer'), text);
}
