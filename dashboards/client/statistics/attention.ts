import type { ApiState, Overview } from '../shared/contract.js';
import { arrange, byId, el, setAttribute, setText } from '../shared/element.js';
import { formatCount } from '../shared/format.js';
import { icon } from '../shared/icon.js';
import { type Trouble, troubleOf, worstFirst } from './severity.js';

const MAX_SHOWN = 6;

interface Troubled {
  readonly state: ApiState;
  readonly trouble: Trouble;
}

/** The first line of the page: the APIs that are failing, the worst first. */
export class Attention {
  readonly #place = byId('attention');
  readonly #open: (api: string) => void;
  readonly #good = icon('ok');
  readonly #idle = icon('idle');
  readonly #bad = icon('warning');
  readonly #text = el('p');
  readonly #list = el('ul');
  readonly #more = el('button', { type: 'button', class: 'quiet' });
  #all = false;
  #last: Overview | undefined;
  readonly #links = new Map<string, { item: HTMLElement; link: HTMLAnchorElement; figures: HTMLElement }>();

  constructor(open: (api: string) => void) {
    this.#open = open;
    this.#place.append(this.#good, this.#idle, this.#bad, this.#text, this.#list, this.#more);
    this.#more.addEventListener('click', () => {
      this.#all = !this.#all;
      if (this.#last) this.show(this.#last);
    });
  }

  /** Shows the state of the APIs. */
  show(overview: Overview): void {
    const { apis, minutes } = overview;
    this.#last = overview;
    const troubled = apis
      .flatMap((state): Troubled[] => {
        const trouble = troubleOf(state);
        return trouble ? [{ state, trouble }] : [];
      })
      .sort((a, b) => worstFirst(a.trouble, b.trouble) || b.state.failure - a.state.failure);
    const calls = apis.reduce((all, { total }) => all + total, 0);
    const bad = troubled.length > 0;
    this.#place.hidden = apis.length === 0;
    const outage = troubled.some(({ trouble }) => trouble.bad);
    const state = bad ? (outage ? 'bad' : 'warning') : calls > 0 ? 'good' : 'idle';
    setAttribute(this.#place, 'data-state', state);
    this.#good.toggleAttribute('hidden', state !== 'good');
    this.#idle.toggleAttribute('hidden', state !== 'idle');
    this.#bad.toggleAttribute('hidden', !bad);
    setText(this.#text, words(troubled, calls, minutes, apis.length));
    arrange(
      this.#list,
      troubled.slice(0, this.#all ? undefined : MAX_SHOWN).map((one) => this.#item(one)),
    );
    this.#list.hidden = !bad;
    const more = troubled.length - MAX_SHOWN;
    this.#more.hidden = more <= 0;
    setText(this.#more, this.#all ? 'Show fewer' : `Show ${formatCount(more)} more`);
    setAttribute(this.#more, 'aria-expanded', String(this.#all));
  }

  #item({ state: { api }, trouble }: Troubled): HTMLElement {
    const known = this.#links.get(api) ?? this.#newItem(api);
    setText(known.figures, ` ${trouble.text}`);
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

function words(troubled: readonly Troubled[], calls: number, minutes: number, apis: number): string {
  const last = `in the last ${minutes} minutes`;
  if (troubled.length === 0) return `${calls === 0 ? 'No calls' : 'No failed calls'} ${last}`;
  const failing = troubled.every(({ state }) => state.failure > 0);
  const what = failing ? 'had failed calls' : troubled.length === 1 ? 'needs attention:' : 'need attention:';
  return `${troubled.length} of ${apis} ${apis === 1 ? 'API' : 'APIs'} ${what} ${last}`;
}
