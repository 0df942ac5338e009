import type { Action, CircuitsData, CircuitView, Problem } from '../shared/contract.js';
import { arrange, byId, el } from '../shared/element.js';
import { Feed } from '../shared/feed.js';
import { showGone } from '../shared/gone.js';
import { announce, Notice, RedisNotice } from '../shared/notice.js';
import { RefreshControl, refreshOf } from '../shared/refresh-control.js';
import { act } from './act.js';
import { CircuitCard } from './circuit-card.js';
import { LOOKS, worstFirst } from './circuit-order.js';
import { CircuitRow } from './circuit-row.js';
import { Confirm } from './confirm.js';
import { Countdowns } from './countdown.js';
import { EgressTables } from './egress-tables.js';
import { Summary } from './summary.js';
import { type Choice, choiceOf, fitting, isList, Tools } from './tools.js';

let data: CircuitsData | undefined;
let said: string | undefined;

const notice = new Notice();
const redis = new RedisNotice();
const summary = new Summary(lead);
const countdowns = new Countdowns();
const egress = new EgressTables(countdowns);
const confirm = new Confirm();
const cards = new Map<string, CircuitCard>();
const rows = new Map<string, CircuitRow>();
const tools = new Tools(keep);
const refresh = new RefreshControl(
  () => feed,
  (choice) => keep('refresh', choice === 'live' ? '' : String(choice)),
);
const feed = new Feed(['circuits'], () => '', {
  // The contract says what the server sends under this name.
  value: (_name, value) => take(value as CircuitsData),
  problem: fail,
  state: (state) => refresh.state(state),
});

function fail(problem: Problem | undefined): void {
  notice.show(problem, refresh.lastUpdate);
  countdowns.stop(showGone(problem));
}

function take(next: CircuitsData): void {
  data = next;
  refresh.updated();
  redis.show(next.redis);
  const line = summary.show(next.circuits);
  // Announced when it changes, not at each update, and not when the page opens.
  if (said !== undefined && said !== line) announce(line);
  said = line;
  showEmpty(next.circuits.length === 0);
  egress.show(next);
  showCards(next);
}

function showCards({ circuits, actions }: CircuitsData): void {
  const names = new Set(circuits.map(({ circuit }) => circuit));
  for (const kept of [cards, rows]) for (const name of kept.keys()) if (!names.has(name)) kept.delete(name);
  const choice = choiceOf(new URLSearchParams(location.search));
  tools.show(choice, circuits);
  const list = isList(choice, circuits.length);
  const shown = fitting(choice, circuits)
    .sort(worstFirst)
    .map((view) => {
      const one = list ? rowOf(view.circuit) : cardOf(view.circuit);
      one.show(view, actions);
      return one.element;
    });
  byId('cards').className = list ? 'rows' : 'cards';
  arrange(byId('cards'), shown);
  byId('none').hidden = shown.length > 0 || circuits.length === 0;
}

function cardOf(circuit: string): CircuitCard {
  const card =
    cards.get(circuit) ?? new CircuitCard(circuit, countdowns, (action, name) => void press(action, name));
  cards.set(circuit, card);
  return card;
}

function rowOf(circuit: string): CircuitRow {
  const row = rows.get(circuit) ?? new CircuitRow(circuit, countdowns, () => cardOf(circuit));
  rows.set(circuit, row);
  return row;
}

/** Leads to a circuit, whatever the page shows at the moment. */
function lead(circuit: string): void {
  const view = viewOf(circuit, data);
  if (!view || !data) return;
  const choice = choiceOf(new URLSearchParams(location.search));
  if (fitting(choice, [view]).length === 0) {
    keep('state', '');
    keep('search', '');
  }
  const one = isList(choice, data.circuits.length) ? rowOf(circuit) : cardOf(circuit);
  one.focus();
}

function showEmpty(empty: boolean): void {
  const place = byId('empty');
  place.hidden = !empty;
  byId('content').hidden = empty;
  if (!empty || place.childElementCount > 0) return;
  place.append(
    el('h2', {}, 'No circuits yet'),
    el(
      'p',
      {},
      'Each API with a breaker has one. Remove breaker: false from its configuration, or add an API.',
    ),
  );
}

async function press(action: Action, circuit: string): Promise<void> {
  if (!(await confirmed(action, circuit))) return;
  const name = action === 'purge' ? viewOf(circuit, data)?.purge : circuit;
  const outcome = await act(action, name ?? circuit);
  if ('problem' in outcome) return notice.show(outcome.problem);
  notice.show(undefined);
  take(outcome.circuits);
  const now = viewOf(circuit, outcome.circuits);
  announce(
    action === 'purge'
      ? `The cache of ${name} is purged`
      : `${circuit}: ${now ? LOOKS[now.state].word : 'gone'}`,
  );
}

function viewOf(circuit: string, from: CircuitsData | undefined): CircuitView | undefined {
  return from?.circuits.find((view) => view.circuit === circuit);
}

async function confirmed(action: Action, circuit: string): Promise<boolean> {
  if (action === 'open') {
    const text = 'Every call to it is refused with a 503 until someone closes or resets the circuit.';
    return confirm.ask({ title: `Force ${circuit} open?`, text, yes: 'Force open' });
  }
  if (action !== 'purge') return true;
  const text = 'Each of its responses is fetched from the target again, which may be a burst of requests.';
  return confirm.ask({ title: `Purge the cache of ${circuit}?`, text, yes: 'Purge cache' });
}

/** Keeps a choice in the page's address, so that a link shows the same, and applies it. */
function keep(name: 'refresh' | keyof Choice, value: string): void {
  const query = new URLSearchParams(location.search);
  if (value === '') query.delete(name);
  else query.set(name, value);
  const text = query.toString();
  history.replaceState(null, '', `${location.pathname}${text === '' ? '' : `?${text}`}`);
  follow(name === 'refresh');
}

function follow(start: boolean): void {
  const query = new URLSearchParams(location.search);
  const choice = refreshOf(query.get('refresh'));
  refresh.choose(choice);
  if (data) showCards(data);
  if (start) feed.start(choice);
}

addEventListener('popstate', () => follow(true));
follow(true);
