import type { ErrorLine } from '../shared/contract.js';
import { arrange, el, setAttribute, setText } from '../shared/element.js';
import { formatCount, formatMs, formatUtc } from '../shared/format.js';
import { showMoment } from '../shared/moment.js';
import { panel } from './distribution.js';
import { BLAME, statusName } from './distributions.js';

const SHOWN_AT_FIRST = 8;
/** Of these, lines of refusals. */
const REFUSALS_AT_FIRST = 3;

/** The calls that failed recently, and behind them the refusals that they caused; each unfolds to its details. */
export class RecentErrors {
  readonly #list = el('ol', { class: 'errors' });
  readonly #nothing = el('p', { class: 'nothing' }, 'No errors recorded.');
  readonly #more = el('button', { type: 'button', class: 'quiet more' });
  readonly #items = new Map<string, Item>();
  #errors: readonly ErrorLine[] = [];
  #all = false;

  constructor() {
    const place = panel('errors', 'Recent errors');
    this.#more.addEventListener('click', () => {
      this.#all = !this.#all;
      this.show(this.#errors);
    });
    place.append(this.#list, this.#nothing, this.#more);
  }

  /** Shows these; unfolded ones stay unfolded. */
  show(errors: readonly ErrorLine[]): void {
    this.#errors = errors;
    const shown = this.#all ? errors : firstOf(errors);
    const known = new Map(this.#items);
    this.#items.clear();
    for (const [key, error] of withKeys(shown)) {
      const item = known.get(key) ?? new Item();
      item.show(error);
      this.#items.set(key, item);
    }
    arrange(
      this.#list,
      [...this.#items.values()].map(({ element }) => element),
    );
    this.#nothing.hidden = errors.length > 0;
    this.#more.hidden = errors.length <= SHOWN_AT_FIRST;
    setText(this.#more, this.#all ? 'Show fewer' : `Show all ${formatCount(errors.length)}`);
  }
}

/** Some errors, and some refusals behind them: many of the one kind do not hide the other. */
function firstOf(errors: readonly ErrorLine[]): ErrorLine[] {
  const others = errors.filter(({ refused }) => !refused);
  const refusals = errors.filter(({ refused }) => refused);
  const few = refusals.slice(0, Math.max(REFUSALS_AT_FIRST, SHOWN_AT_FIRST - others.length));
  return [...others.slice(0, SHOWN_AT_FIRST - few.length), ...few];
}

/** Two errors may be equal in all properties: a number among equals makes the key unique. */
function withKeys(errors: readonly ErrorLine[]): [string, ErrorLine][] {
  const seen = new Map<string, number>();
  // From the oldest on, since new ones come first.
  return [...errors]
    .reverse()
    .map((error): [string, ErrorLine] => {
      // The refusals of one reason stay one line as they become more.
      const { code, refused } = error;
      const key = JSON.stringify(refused ? [code, refused.because.replace(/\d+/g, '0')] : error);
      const nth = seen.get(key) ?? 0;
      seen.set(key, nth + 1);
      return [`${nth} ${key}`, error];
    })
    .reverse();
}

/** A line of the list. */
class Item {
  readonly #time = el('time');
  readonly #status = el('span', { class: 'status number' });
  readonly #path = el('span', { class: 'path' });
  readonly #message = el('span', { class: 'message' });
  readonly #what = el('span', { class: 'what' }, this.#path, ' ', this.#message);
  readonly #facts = el('dl', { class: 'facts' });
  readonly element = el(
    'li',
    {},
    el('details', {}, el('summary', {}, this.#time, this.#status, this.#what), this.#facts),
  );
  #shown = '';

  show(error: ErrorLine): void {
    const shown = JSON.stringify(error);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const { status, method, path, message, time, refused, count = 1 } = error;
    showMoment(this.#time, time);
    setAttribute(this.#status, 'data-tone', status >= 500 || status < 100 ? 'bad' : 'warning');
    setText(this.#status, status < 100 ? 'none' : String(status));
    setAttribute(this.#what, 'data-refused', refused !== undefined);
    setText(this.#path, refused ? `${refused.by} × ${formatCount(count)},` : `${method} ${path}`);
    setText(this.#message, refused ? `because: ${refused.because}` : message);
    const facts = details(error);
    this.#facts.replaceChildren(
      ...facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
    );
  }
}

function details(error: ErrorLine): readonly (readonly [name: string, value: string])[] {
  const { time, status, code, by, message, method, path, requestId, durationMs, attempts } = error;
  const { refused, count = 1, firstTime = time } = error;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Refused', refused && `${formatCount(count)} of the latest failed calls`],
    ['Because', refused?.because],
    ['First of them', refused && formatUtc(firstTime)],
    ['Message', message],
    [refused ? 'Last request' : 'Request', `${method} ${path}`],
    ['Status', status < 100 ? 'no response' : statusName(String(status))],
    ['Code', code ?? 'none: the response is the target’s'],
    ['Caused by', by === undefined ? undefined : (BLAME[by] ?? by)],
    ['Request id', requestId],
    ['Duration', formatMs(durationMs)],
    ['Attempts', String(attempts)],
    ['Time', formatUtc(time)],
  ];
  return facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
}
