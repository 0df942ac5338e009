import type { Action, CircuitView, Transition } from '../shared/contract.js';
import { el, setAttribute, setText } from '../shared/element.js';
import { formatCount, formatMany, formatMs, formatRatio } from '../shared/format.js';
import { type IconName, icon } from '../shared/icon.js';
import { moment, showMoment } from '../shared/moment.js';
import { LOOKS } from './circuit-order.js';
import { configLines, notCountedText, openingOf, reasonText, scopeText } from './circuit-texts.js';
import type { Countdowns } from './countdown.js';

/** A line with a bar: a part of a whole. */
class Gauge {
  readonly row: HTMLElement;
  readonly #text = el('dd', { class: 'number' });
  readonly #bar = el('span', { class: 'bar' });

  constructor(name: string) {
    const rail = el('span', { class: 'rail', 'aria-hidden': 'true' }, this.#bar);
    this.row = el('div', { class: 'gauge' }, el('dt', {}, name), this.#text, rail);
  }

  show(text: string, share: number, tone: 'good' | 'warning' | 'bad' | 'plain'): void {
    setText(this.#text, text);
    setAttribute(this.row, 'data-tone', tone);
    this.#bar.style.width = `${Math.min(1, share) * 100}%`;
    this.#bar.hidden = share === 0;
  }
}

const ACTIONS: readonly (readonly [action: Action, name: string])[] = [
  ['open', 'Force open'],
  ['close', 'Force closed'],
  ['reset', 'Reset'],
  ['purge', 'Purge cache'],
];

/** A circuit on the page. */
export class CircuitCard {
  readonly element: HTMLElement;
  readonly #countdowns: Countdowns;
  readonly #heading: HTMLElement;
  readonly #state = el('span', { class: 'state' });
  readonly #meaning = el('p', { class: 'meaning' });
  readonly #next = el('p', { class: 'next number' });
  readonly #nextRail = el('span', { class: 'rail', 'aria-hidden': 'true' });
  readonly #nextBar = el('span', { class: 'bar' });
  readonly #failures = new Gauge('Failures in a row');
  readonly #probes = new Gauge('Probes that succeeded');
  readonly #window = new Gauge('Failed in the window');
  readonly #slow = new Gauge('Slow in the window');
  readonly #why = el('p', { class: 'last why' });
  readonly #whyTime = el('time');
  readonly #whyText = el('span');
  readonly #scope = el('p', { class: 'last scope' });
  readonly #causes = el('p', { class: 'last causes' });
  readonly #notCounted = el('p', { class: 'last not-counted' });
  readonly #last = el('p', { class: 'last' });
  readonly #lastTime = el('time');
  readonly #lastText = el('span', { class: 'message' });
  readonly #history = el('ol', { class: 'history' });
  readonly #historyTitle = el('summary');
  readonly #historyBox = el('details', {}, this.#historyTitle, this.#history);
  readonly #config = el('dl', { class: 'facts' });
  readonly #buttons = new Map<Action, HTMLButtonElement>();
  #shown = '';
  #icon: IconName | undefined;

  constructor(name: string, countdowns: Countdowns, act: (action: Action, circuit: string) => void) {
    this.#countdowns = countdowns;
    this.#heading = el('h3', { tabindex: -1 }, name);
    this.#nextRail.append(this.#nextBar);
    this.#why.append('Opened ', this.#whyTime, ': ', this.#whyText);
    this.#last.append('Last failure ', this.#lastTime, ' · ', this.#lastText);
    const buttons = ACTIONS.map(([action, label]) => {
      const button = el('button', { type: 'button', 'aria-label': `${label}: ${name}` }, label);
      button.addEventListener('click', () => act(action, name));
      this.#buttons.set(action, button);
      return button;
    });
    this.element = el(
      'li',
      { class: 'card' },
      el('header', {}, this.#heading, this.#state),
      this.#meaning,
      el('div', { class: 'until' }, this.#next, this.#nextRail),
      this.#why,
      this.#causes,
      this.#last,
      el('dl', { class: 'gauges' }, this.#failures.row, this.#probes.row, this.#window.row, this.#slow.row),
      this.#scope,
      this.#notCounted,
      el(
        'div',
        { class: 'folds' },
        this.#historyBox,
        el('details', {}, el('summary', {}, 'Settings'), this.#config),
      ),
      el('div', { class: 'actions' }, ...buttons),
    );
  }

  /** Shows the circuit as it is now. */
  show(circuit: CircuitView, actions: boolean): void {
    this.#showState(circuit);
    this.#showGauges(circuit);
    this.#showLast(circuit);
    const scope = scopeText(circuit);
    this.#scope.hidden = scope === '';
    setText(this.#scope, scope);
    this.#showActions(circuit, actions);
    const rest = JSON.stringify([circuit.transitions, circuit.config]);
    if (rest === this.#shown) return;
    this.#shown = rest;
    this.#showHistory(circuit.transitions);
    this.#config.replaceChildren(...configLines(circuit.config));
  }

  /** Brings it into view. */
  focus(): void {
    this.#heading.focus();
  }

  #showState(circuit: CircuitView): void {
    const look = LOOKS[circuit.state];
    if (this.#icon !== look.icon) this.#state.replaceChildren(icon(look.icon), el('span', {}, look.word));
    this.#icon = look.icon;
    setAttribute(this.element, 'data-tone', look.tone);
    const { timeToResetMs: leftMs, openForMs } = circuit;
    const open = circuit.state === 'OPEN';
    const forced = open && leftMs === null;
    setText(this.#meaning, forced ? 'Forced open: calls are refused until someone closes it.' : look.meaning);
    this.#next.hidden = this.#nextRail.hidden = !open || forced;
    if (!open || leftMs === null) return this.#countdowns.end(this.#next);
    this.#countdowns.begin(this.#next, {
      leftMs,
      wholeMs: openForMs,
      words: (left) => `Next probe in ${left}`,
      over: 'The next call is a probe',
      share: (share) => {
        this.#nextBar.style.width = `${Math.min(1, share) * 100}%`;
        this.#nextRail.hidden = share === 0;
        if (share === 0) setText(this.#meaning, 'Calls were refused until now.');
      },
    });
  }

  #showGauges({
    state,
    failures,
    successes,
    windowTotal,
    failureRatio,
    slowCallRatio,
    config,
  }: CircuitView): void {
    const { failureThreshold, successThreshold, minimumRequests, windowMs, slowCallMs } = config;
    const near = failures / failureThreshold;
    const tone = failures === 0 ? 'plain' : near >= 1 ? 'bad' : 'warning';
    this.#failures.show(`${formatCount(failures)} of ${formatCount(failureThreshold)}`, near, tone);
    this.#probes.row.hidden = state !== 'HALF_OPEN';
    this.#probes.show(`${successes} of ${successThreshold}`, successes / successThreshold, 'good');
    this.#slow.row.hidden = slowCallMs === false;
    if (slowCallMs !== false) {
      const slow = `${formatRatio(slowCallRatio, 1)} took ${formatMs(slowCallMs)} or more`;
      const tone = slowCallRatio >= config.slowCallRatio ? 'bad' : slowCallRatio > 0 ? 'warning' : 'plain';
      this.#slow.show(slow, slowCallRatio, tone);
    }
    this.#window.row.hidden = config.failureRatio === false;
    if (config.failureRatio === false) return;
    const over = windowTotal >= minimumRequests && failureRatio >= config.failureRatio;
    const calls =
      windowTotal === 0
        ? 'no calls'
        : `${formatRatio(failureRatio, 1)} of ${formatMany(windowTotal, 'call')}`;
    this.#window.show(
      `${calls} in ${formatMs(windowMs)}`,
      failureRatio,
      over ? 'bad' : failureRatio > 0 ? 'warning' : 'plain',
    );
  }

  #showLast(circuit: CircuitView): void {
    const { lastFailure, lastFailureTime, failureText, notCounted } = circuit;
    const opening = openingOf(circuit);
    this.#why.hidden = opening === undefined;
    if (opening) {
      showMoment(this.#whyTime, opening.time);
      setText(this.#whyText, reasonText(opening.reason, circuit));
    }
    const apart = notCountedText(notCounted);
    this.#causes.hidden = failureText === '';
    setText(this.#causes, failureText);
    this.#notCounted.hidden = apart === '';
    setText(this.#notCounted, apart);
    this.#last.hidden = lastFailureTime === null;
    if (lastFailureTime === null) return;
    showMoment(this.#lastTime, lastFailureTime);
    setText(this.#lastText, lastFailure ?? '');
  }

  #showActions({ state, timeToResetMs, purge }: CircuitView, actions: boolean): void {
    const may: Readonly<Record<Action, boolean>> = {
      open: !(state === 'OPEN' && timeToResetMs === null),
      close: state !== 'CLOSED',
      reset: true,
      purge: purge !== undefined,
    };
    for (const [action, button] of this.#buttons) {
      const hide = !actions || !may[action];
      // Whoever has just pressed it continues from the card's heading.
      if (hide && document.activeElement === button) this.#heading.focus();
      button.hidden = hide;
    }
  }

  #showHistory(transitions: readonly Transition[]): void {
    this.#historyBox.hidden = transitions.length === 0;
    setText(this.#historyTitle, `History (${transitions.length})`);
    const lines = [...transitions].reverse().map(({ time, to, reason }) => {
      const look = LOOKS[to];
      return el(
        'li',
        { 'data-tone': look.tone },
        moment(time),
        icon(look.icon),
        el('span', {}, `${look.word}: ${reason}`),
      );
    });
    this.#history.replaceChildren(...lines);
  }
}
