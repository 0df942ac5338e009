import type { RecentError } from '../shared/contract.js';
import { arrange, el, setText } from '../shared/element.js';
import { formatCount, formatMs, formatUtc } from '../shared/format.js';
import { moment } from '../shared/moment.js';
import { panel } from './distribution.js';
import { BLAME, statusName } from './distributions.js';

const SHOWN_AT_FIRST = 8;

/** The calls that failed recently; each unfolds to its details. */
export class RecentErrors {
  readonly #list = el('ol', { class: 'errors' });
  readonly #nothing = el('p', { class: 'nothing' }, 'No errors recorded.');
  readonly #more = el('button', { type: 'button', class: 'quiet more' });
  readonly #items = new Map<string, HTMLElement>();
  #errors: readonly RecentError[] = [];
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
  show(errors: readonly RecentError[]): void {
    this.#errors = errors;
    const shown = this.#all ? errors : errors.slice(0, SHOWN_AT_FIRST);
    const known = new Map(this.#items);
    this.#items.clear();
    for (const [key, error] of withKeys(shown)) this.#items.set(key, known.get(key) ?? item(error));
    arrange(this.#list, [...this.#items.values()]);
    this.#nothing.hidden = errors.length > 0;
    this.#more.hidden = errors.length <= SHOWN_AT_FIRST;
    setText(this.#more, this.#all ? 'Show fewer' : `Show all ${formatCount(errors.length)}`);
  }
}

/** Two errors may be equal in all properties: a number among equals makes the key unique. */
function withKeys(errors: readonly RecentError[]): [string, RecentError][] {
  const seen = new Map<string, number>();
  // From the oldest on, since new ones come first.
  return [...errors]
    .reverse()
    .map((error): [string, RecentError] => {
      const key = JSON.stringify(error);
      const nth = seen.get(key) ?? 0;
      seen.set(key, nth + 1);
      return [`${nth} ${key}`, error];
    })
    .reverse();
}

function item(error: RecentError): HTMLElement {
  const { status, method, path, message, time } = error;
  const summary = el(
    'summary',
    {},
    moment(time),
    el(
      'span',
      { class: 'status number', 'data-tone': status >= 500 || status < 100 ? 'bad' : 'warning' },
      status < 100 ? 'none' : String(status),
    ),
    el(
      'span',
      { class: 'what' },
      el('span', { class: 'path' }, `${method} ${path}`),
      ' ',
      el('span', { class: 'message' }, message),
    ),
  );
  const facts = details(error).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)));
  return el('li', {}, el('details', {}, summary, el('dl', { class: 'facts' }, ...facts)));
}

function details({
  time,
  status,
  code,
  by,
  message,
  method,
  path,
  requestId,
  durationMs,
  attempts,
}: RecentError) {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Message', message],
    ['Request', `${method} ${path}`],
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
