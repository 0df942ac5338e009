import type { CircuitState, CircuitView } from '../shared/contract.js';
import { byId, el, setText } from '../shared/element.js';
import { formatCount } from '../shared/format.js';

/** What the page shows of the circuits, as in the query of its address. */
export interface Choice {
  readonly search: string;
  /** Without one, circuits in any state. */
  readonly state: CircuitState | '';
  /** Without one, cards while there are few circuits. */
  readonly view: 'cards' | 'list' | '';
}

/** With this many circuits or more there are tools. */
const TOOLS_FROM = 8;
/** With more circuits than this they are a list, unless something else was chosen. */
const CARDS_TO = 24;

const STATES: readonly (readonly [value: Choice['state'], name: string])[] = [
  ['', 'All'],
  ['OPEN', 'Open'],
  ['HALF_OPEN', 'Half open'],
  ['CLOSED', 'Closed'],
];
const VIEWS = [
  ['cards', 'Cards'],
  ['list', 'List'],
] as const;

/** Reads a choice from the query of an address; unknown values are ignored. */
export function choiceOf(query: URLSearchParams): Choice {
  const one = <T extends string>(name: string, known: readonly (readonly [T, string])[]) =>
    known.find(([value]) => value === query.get(name))?.[0] ?? '';
  return { search: query.get('search') ?? '', state: one('state', STATES), view: one('view', VIEWS) };
}

/** Whether so many circuits are shown as a list. */
export const isList = ({ view }: Choice, count: number): boolean =>
  view === '' ? count > CARDS_TO : view === 'list';

/** The circuits that fit a choice. */
export function fitting({ search, state }: Choice, circuits: readonly CircuitView[]): CircuitView[] {
  const wanted = search.trim().toLowerCase();
  return circuits.filter(
    (one) => (state === '' || one.state === state) && one.circuit.toLowerCase().includes(wanted),
  );
}

/** Search, filter by state, and the choice between cards and a list. */
export class Tools {
  readonly #place = byId('tools');
  readonly #search = el('input', {
    type: 'search',
    id: 'search',
    placeholder: 'Part of a name',
    autocomplete: 'off',
  });
  readonly #states: Segments<Choice['state']>;
  readonly #views: Segments<'cards' | 'list'>;

  /** @param change called with what was chosen */
  constructor(change: (name: keyof Choice, value: string) => void) {
    this.#search.addEventListener('input', () => change('search', this.#search.value));
    this.#states = new Segments('state', 'State', STATES, change);
    this.#views = new Segments('view', 'View', VIEWS, change);
    this.#place.append(
      el('p', { class: 'search' }, el('label', { for: 'search' }, 'Search'), this.#search),
      this.#states.element,
      this.#views.element,
    );
    this.#place.hidden = true;
  }

  /** Shows a choice, and how many circuits there are in each state. */
  show(choice: Choice, circuits: readonly CircuitView[]): void {
    const isChosen = choice.search !== '' || choice.state !== '' || choice.view !== '';
    this.#place.hidden = circuits.length === 0 || (circuits.length < TOOLS_FROM && !isChosen);
    if (this.#search.value !== choice.search) this.#search.value = choice.search;
    this.#states.choose(choice.state);
    this.#states.count((state) => circuits.filter((one) => state === '' || one.state === state).length);
    this.#views.choose(isList(choice, circuits.length) ? 'list' : 'cards');
  }
}

/** One choice of a few, as buttons side by side. */
class Segments<T extends string> {
  readonly element = el('fieldset', { class: 'segments' });
  readonly #inputs = new Map<T, HTMLInputElement>();
  readonly #counts = new Map<T, HTMLElement>();

  constructor(
    name: keyof Choice,
    legend: string,
    values: readonly (readonly [value: T, name: string])[],
    change: (name: keyof Choice, value: string) => void,
  ) {
    this.element.append(el('legend', {}, legend));
    for (const [value, text] of values) {
      const input = el('input', { type: 'radio', name, value });
      const count = el('small', { class: 'number' });
      input.addEventListener('change', () => change(name, value));
      this.#inputs.set(value, input);
      this.#counts.set(value, count);
      this.element.append(el('label', {}, input, el('span', {}, text, count)));
    }
  }

  choose(value: T): void {
    const input = this.#inputs.get(value);
    if (input) input.checked = true;
  }

  count(of: (value: T) => number): void {
    for (const [value, place] of this.#counts) setText(place, ` ${formatCount(of(value))}`);
  }
}
