import type { Overview, Period } from '../shared/contract.js';
import { byId, el, setAttribute } from '../shared/element.js';
import type { PageState } from './page-state.js';

/** Labels of the periods. */
export const PERIOD_NAMES: Readonly<Record<Period, string>> = {
  all: 'All time',
  daily: 'By day',
  hourly: 'By hour',
};

/** Most paths in the list of suggestions. */
const MAX_SUGGESTIONS = 50;

/** The choice of API, path and period. */
export class Controls {
  readonly #change: (change: Partial<PageState>) => void;
  readonly #api = el('select', { id: 'api' });
  readonly #path = el('input', {
    id: 'path',
    list: 'path-suggestions',
    placeholder: 'All paths',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  readonly #suggestions = el('datalist', { id: 'path-suggestions' });
  readonly #all = el('button', { type: 'button', class: 'quiet' }, 'All paths');
  readonly #periods = new Map<Period, HTMLInputElement>();
  #paths: readonly string[] = [];
  #names = '';

  constructor(change: (change: Partial<PageState>) => void) {
    this.#change = change;
    const form = byId('controls');
    form.addEventListener('submit', (event) => event.preventDefault());
    this.#api.addEventListener('change', () => change({ api: this.#api.value, path: '', search: '' }));
    this.#path.addEventListener('input', () => this.#suggest());
    this.#path.addEventListener('change', () => this.#choosePath());
    this.#all.addEventListener('click', () => {
      this.#path.focus();
      change({ path: '' });
    });
    form.append(
      field('api', 'API', this.#api),
      field('path', 'Path', this.#path, this.#suggestions, this.#all),
      this.#periodChoice(),
    );
  }

  /** Shows the APIs to choose from. */
  offerApis({ apis }: Overview): void {
    const names = JSON.stringify(apis.map(({ api }) => api));
    if (names === this.#names) return;
    const { value } = this.#api;
    this.#names = names;
    const unknown = value !== '' && !apis.some(({ api }) => api === value);
    this.#api.replaceChildren(...apis.map(({ api }) => el('option', { value: api }, api)));
    if (unknown) this.#api.prepend(el('option', { value, disabled: true }, `${value} (unknown)`));
    this.#api.value = value;
  }

  /** The paths of the API that are suggested. */
  offerPaths(paths: readonly string[]): void {
    this.#paths = paths;
    if (document.activeElement !== this.#path) this.#suggest();
  }

  /** Shows what is chosen. */
  show({ api, path, period }: PageState): void {
    if (![...this.#api.options].some(({ value }) => value === api) && api !== '') {
      this.#api.append(el('option', { value: api }, api));
      this.#names = '';
    }
    this.#api.value = api;
    if (document.activeElement !== this.#path || path !== '') this.#path.value = path;
    this.#path.setCustomValidity('');
    this.#all.hidden = path === '';
    const chosen = this.#periods.get(period);
    if (chosen) chosen.checked = true;
  }

  #suggest(): void {
    this.#path.setCustomValidity('');
    setAttribute(this.#path, 'aria-invalid', false);
    const typed = this.#path.value.toLowerCase();
    const fitting = this.#paths
      .filter((path) => path.toLowerCase().includes(typed))
      .slice(0, MAX_SUGGESTIONS);
    this.#suggestions.replaceChildren(...fitting.map((value) => el('option', { value })));
    // A click on a suggestion fires only an input event; a typed path may be the start of a longer one.
    if (fitting.length === 1 && fitting[0] === this.#path.value) this.#choosePath();
  }

  #choosePath(): void {
    const { value } = this.#path;
    if (value === '' || this.#paths.includes(value)) return this.#change({ path: value });
    this.#path.setCustomValidity('This API has no such path; choose one from the list');
    setAttribute(this.#path, 'aria-invalid', 'true');
    this.#path.reportValidity();
  }

  #periodChoice(): HTMLElement {
    const choices = Object.entries(PERIOD_NAMES) as [Period, string][];
    const labels = choices.map(([period, name]) => {
      const input = el('input', { type: 'radio', name: 'period', value: period });
      input.addEventListener('change', () => this.#change({ period }));
      this.#periods.set(period, input);
      return el('label', {}, input, el('span', {}, name));
    });
    return el('fieldset', { class: 'segments' }, el('legend', {}, 'Period'), ...labels);
  }
}

function field(id: string, label: string, ...controls: HTMLElement[]): HTMLElement {
  return el('div', { class: `field field-${id}` }, el('label', { for: id }, label), ...controls);
}
