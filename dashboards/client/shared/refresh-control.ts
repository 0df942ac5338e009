import { byId, el, setAttribute, setText } from './element.js';
import type { Feed, FeedState, Refresh } from './feed.js';
import { formatClock, formatUtc } from './format.js';

const CHOICES: readonly (readonly [value: Refresh, label: string])[] = [
  ['live', 'Live'],
  [5, 'Every 5 s'],
  [10, 'Every 10 s'],
  [30, 'Every 30 s'],
  [60, 'Every 60 s'],
  ['off', 'Off'],
];

const STATES: Readonly<Record<FeedState, string>> = {
  live: 'Live',
  connecting: 'Connecting',
  polling: 'Every 5 s, no live stream',
  interval: 'On',
  off: 'Off',
  hidden: 'Paused',
};

/** Reads a choice from a text, as in the page's address; any other text means live. */
export function refreshOf(text: string | null): Refresh {
  return CHOICES.find(([value]) => String(value) === text)?.[0] ?? 'live';
}

/** The choice of how to refresh, the state of it, and the time of the last update. */
export class RefreshControl {
  readonly #select = el('select', { id: 'refresh' });
  readonly #state = el('span', { class: 'feed-state' });
  readonly #updated = el('time', { class: 'number' });

  #last: number | undefined;

  constructor(feed: () => Feed, chosen: (refresh: Refresh) => void) {
    this.#select.append(...CHOICES.map(([value, label]) => el('option', { value }, label)));
    this.#select.addEventListener('change', () => chosen(refreshOf(this.#select.value)));
    const button = el('button', { type: 'button', class: 'quiet' }, 'Refresh now');
    button.addEventListener('click', () => feed().refreshNow());
    byId('refresh-control').append(
      el('p', { class: 'updated' }, this.#state, ' ', el('span', {}, 'Updated ', this.#updated)),
      el('label', { for: 'refresh' }, 'Refresh'),
      this.#select,
      button,
    );
    setText(this.#updated, '–');
  }

  /** Shows what was chosen. */
  choose(refresh: Refresh): void {
    this.#select.value = String(refresh);
  }

  /** Shows the state of the feed. */
  state(state: FeedState): void {
    setText(this.#state, STATES[state]);
    setAttribute(this.#state, 'data-state', state);
  }

  /** When it was, in epoch milliseconds. */
  get lastUpdate(): number | undefined {
    return this.#last;
  }

  /** Shows the time of the last update. */
  updated(time = Date.now()): void {
    this.#last = time;
    setText(this.#updated, formatClock(time));
    setAttribute(this.#updated, 'datetime', new Date(time).toISOString());
    setAttribute(this.#updated, 'title', formatUtc(time));
  }
}
