import type { Overview, Problem, View } from '../shared/contract.js';
import { byId } from '../shared/element.js';
import { Feed } from '../shared/feed.js';
import { showGone } from '../shared/gone.js';
import { announce, Notice, RedisNotice } from '../shared/notice.js';
import type { PathColumns } from '../shared/path-figures.js';
import { RefreshControl } from '../shared/refresh-control.js';
import { Attention } from './attention.js';
import { latencyPanel, trafficPanel } from './charts.js';
import { Controls, PERIOD_NAMES } from './controls.js';
import { Distributions } from './distributions.js';
import { Downloads } from './downloads.js';
import { EmptyState } from './empty-state.js';
import { KeyFigures } from './key-figures.js';
import { type PageState, readState, selectionOf, writeState } from './page-state.js';
import { PathTable } from './path-table.js';
import { Reach } from './reach.js';
import { RecentErrors } from './recent-errors.js';
import { troubleOf, worstFirst } from './severity.js';

let state = readState(location.search);
let overview: Overview | undefined;

const title = document.title;
const notice = new Notice();
const redis = new RedisNotice();
const attention = new Attention((api) => change({ api, path: '', search: '' }));
const controls = new Controls(change);
const keyFigures = new KeyFigures();
const reach = new Reach();
const panels = [trafficPanel(), latencyPanel()];
const errors = new RecentErrors();
const distributions = new Distributions();
const paths = new PathTable(change);
const empty = new EmptyState();
const downloads = new Downloads();
const refresh = new RefreshControl(
  () => feed,
  (choice) => change({ refresh: choice }),
);
const feed = new Feed(['overview', 'view', 'paths'], queryOfServer, {
  value: take,
  problem: (problem) => fail(problem),
  state: (now) => refresh.state(now),
});

function queryOfServer(): string {
  const query = selectionOf(state).toString();
  return query === '' ? '' : `?${query}`;
}

function take(name: string, value: unknown): void {
  refresh.updated();
  // The contract says what the server sends under each name.
  if (name === 'overview') takeOverview(value as Overview);
  if (name === 'view') takeView(value as View);
  if (name === 'paths') takePaths(value as PathColumns);
}

function takeOverview(next: Overview): void {
  const first = next.apis[0]?.api;
  overview = next;
  redis.show(next.redis);
  attention.show(next);
  controls.offerApis(next);
  byId('controls').hidden = first === undefined;
  if (first === undefined) return empty.noApi();
  // Nothing was chosen: start with the API that fails most.
  if (state.api === '') change({ api: worst(next) ?? first }, 'replace');
}

function worst({ apis }: Overview): string | undefined {
  const troubled = apis.flatMap((state) => {
    const trouble = troubleOf(state);
    return trouble ? [{ ...state, trouble }] : [];
  });
  // The first one of the list above.
  return troubled.sort((a, b) => worstFirst(a.trouble, b.trouble) || b.failure - a.failure)[0]?.api;
}

function takeView(view: View): void {
  // A response for the previous selection may still arrive.
  const { api, path, period } = view;
  if (api !== state.api || (path ?? '') !== state.path || period !== state.period) return;
  const called = view.figures.total > 0;
  byId('figures').hidden = !called;
  byId('figures').removeAttribute('aria-busy');
  if (!called) return empty.noCalls(view);
  empty.hide();
  keyFigures.show(view);
  reach.show(view);
  for (const panel of panels) panel.show(view);
  errors.show(view.recentErrors);
  distributions.show(view);
}

function takePaths(next: PathColumns): void {
  if (next.api !== state.api || next.period !== state.period) return;
  paths.show(next);
  controls.offerPaths(next.path);
}

function fail(problem: Problem | undefined): void {
  notice.show(problem, refresh.lastUpdate);
  showGone(problem);
  const unknown = problem?.code === 'ERR_NOT_FOUND' || problem?.code === 'ERR_BAD_REQUEST';
  if (!unknown) return;
  byId('figures').hidden = true;
  empty.hide();
}

/** Shows a state and keeps it in the address; a new selection is a step that the back button undoes. */
function change(changes: Partial<PageState>, history: 'push' | 'replace' = 'push'): void {
  const before = state;
  state = { ...state, ...changes };
  const step = history === 'push' && isStep(before, state);
  window.history[step ? 'pushState' : 'replaceState'](null, '', `${location.pathname}${writeState(state)}`);
  show(before);
}

function isStep(before: PageState, after: PageState): boolean {
  return before.api !== after.api || before.path !== after.path || before.period !== after.period;
}

function show(before: PageState | undefined): void {
  document.title = [state.path, state.api, title].filter((part) => part !== '').join(' · ');
  controls.show(state);
  refresh.choose(state.refresh);
  paths.arrange(state);
  downloads.show(state);
  const step = before === undefined || isStep(before, state);
  if (step && before !== undefined) {
    byId('figures').setAttribute('aria-busy', 'true');
    announce(`${state.api} ${state.path || 'all paths'}, ${PERIOD_NAMES[state.period]}`);
  }
  if (step || before.refresh !== state.refresh) feed.start(state.refresh);
}

addEventListener('popstate', () => {
  const before = state;
  state = readState(location.search);
  if (state.api === '' && overview) state = { ...state, api: overview.apis[0]?.api ?? '' };
  show(before);
});

show(undefined);
