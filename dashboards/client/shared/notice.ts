import type { Problem } from './contract.js';
import { byId, el, setText } from './element.js';
import { formatClock } from './format.js';
import { icon } from './icon.js';

/** What to do about a problem, by its code. */
const ADVICE: Readonly<Record<string, string>> = {
  ERR_UNREACHABLE: 'Check that the program is running and reachable. The page keeps trying.',
  ERR_UNAUTHORIZED: 'Reload the page to sign in again.',
  ERR_FORBIDDEN: 'Reload the page, and ask whoever runs this for access.',
  ERR_NOT_FOUND: 'Choose another API or path above.',
  ERR_BAD_REQUEST: 'The address of the page has an invalid value. Choose again above.',
  ERR_INTERNAL: 'The figures may be out of date. See the program’s log; the page keeps trying.',
};

/** The notice at the top of the page about problems of the page itself. */
export class Notice {
  readonly #place = byId('notice');
  readonly #text = el('strong');
  readonly #advice = el('span');

  constructor() {
    this.#place.append(icon('warning'), el('p', {}, this.#text, ' ', this.#advice));
    this.#place.hidden = true;
  }

  /**
   * Shows a problem; `undefined` hides the notice.
   * @param since when the page last had news, if the server is gone
   */
  show(problem: Problem | undefined, since?: number): void {
    this.#place.hidden = problem === undefined;
    if (!problem) return;
    setText(this.#text, `${problem.error}.`);
    const old =
      since === undefined || problem.code !== 'ERR_UNREACHABLE'
        ? ''
        : `The page shows what was at ${formatClock(since)}. `;
    setText(this.#advice, `${old}${ADVICE[problem.code] ?? ''}`);
  }
}

/** The line below it about Redis, without which the page may show a part only. */
export class RedisNotice {
  readonly #place = byId('redis');
  readonly #text = el('p');

  constructor() {
    this.#place.append(icon('warning'), this.#text);
    this.#place.hidden = true;
  }

  /** @param text `undefined` where all is well */
  show(text: string | undefined): void {
    this.#place.hidden = text === undefined;
    if (text !== undefined) setText(this.#text, `${text}.`);
  }
}

/** Announces to screen readers what is visible on the page. */
export function announce(text: string): void {
  setText(byId('announcer'), text);
}
