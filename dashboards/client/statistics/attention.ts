import type { ApiState, Overview } from '../shared/contract.js';
import { arrange, byId, el, setAttribute, setText } from '../shared/element.js';
import { formatCompact, formatRatio } from '../shared/format.js';
import { icon } from '../shared/icon.js';
import { isOutage } from './severity.js';

const MAX_SHOWN = 6;

/** The first line of the page: the APIs that are failing, the worst first. */
export class Attention {
  readonly #place = byId('attention');
  readonly #open: (api: string) => void;
  readonly #good = icon('ok');
  readonly #idle = icon('idle');
  readonly #bad = icon('warning');
  readonly #text = el('p');
  readonly #list = el('ul');
  readonly #links = new Map<string, { item: HTMLElement; link: HTMLAnchorElement; figures: HTMLElement }>();

  constructor(open: (api: string) => void) {
    this.#open = open;
    this.#place.append(this.#good, this.#idle, this.#bad, this.#text, this.#list);
  }

  /** Shows the state of the APIs. */
  show({ apis, minutes }: Overview): void {
    const failing = apis.filter(({ failure }) => failure > 0).sort(worstFirst);
    const calls = apis.reduce((all, { total }) => all + total, 0);
    const bad = failing.length > 0;
    this.#place.hidden = apis.length === 0;
    const outage = failing.some(({ failure, total }) => isOutage(failure, total));
    const state = bad ? (outage ? 'bad' : 'warning') : calls > 0 ? 'good' : 'idle';
    setAttribute(this.#place, 'data-state', state);
    this.#good.toggleAttribute('hidden', state !== 'good');
    this.#idle.toggleAttribute('hidden', state !== 'idle');
    this.#bad.toggleAttribute('hidden', !bad);
    setText(this.#text, words(failing.length, calls, minutes, apis.length));
    arrange(
      this.#list,
      failing.slice(0, MAX_SHOWN).map((state) => this.#item(state)),
    );
    this.#list.hidden = !bad;
  }

  #item({ api, total, failure }: ApiState): HTMLElement {
    const known = this.#links.get(api) ?? this.#newItem(api);
    setText(known.figures, ` ${formatRatio(failure, total)} of ${formatCompact(total)}`);
    return known.item;
  }

  #newItem(api: string): { item: HTMLElement; link: HTMLAnchorElement; figures: HTMLElement } {
    const figures = el('span', { class: 'number' });
    const link = el('a', { href: `?api=${encodeURIComponent(api)}` }, el('strong', {}, api), figures);
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.#open(api);
    });
    const made = { item: el('li', {}, link), link, figures };
    this.#links.set(api, made);
    return made;
  }
}

function worstFirst(a: ApiState, b: ApiState): number {
  return b.failure / b.total - a.failure / a.total || b.failure - a.failure;
}

function words(failing: number, calls: number, minutes: number, apis: number): string {
  if (calls === 0) return `No calls in the last ${minutes} minutes`;
  if (failing === 0) return `No failed calls in the last ${minutes} minutes`;
  return `${failing} of ${apis} ${apis === 1 ? 'API' : 'APIs'} had failed calls in the last ${minutes} minutes`;
}
