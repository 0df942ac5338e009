import type { CircuitsData, EgressProxy, NotStored } from '../shared/contract.js';
import { arrange, byId, el, setAttribute, setText } from '../shared/element.js';
import { formatBytes, formatCost, formatCount, formatMany, formatMs, formatRatio } from '../shared/format.js';
import { type IconName, icon } from '../shared/icon.js';
import type { Countdowns } from './countdown.js';
import { limitLook, limitRank, quotaLook, quotaRank } from './limit-looks.js';
import { joined, type LineLook } from './line-look.js';
import { adviceOf } from './not-stored.js';

interface Line {
  readonly item: HTMLElement;
  readonly name: HTMLElement;
  readonly below: HTMLElement;
  readonly state: HTMLElement;
  readonly facts: HTMLElement;
  readonly left: HTMLElement;
  icon: IconName | undefined;
}

/** The egress proxies, the rate limits that targets have advertised, and what caches did not store. */
export class EgressTables {
  readonly #aside = byId('aside');
  readonly #proxies: EgressList;
  readonly #limits: EgressList;
  readonly #quotas: EgressList;
  readonly #notStored: EgressList;

  constructor(countdowns: Countdowns) {
    this.#proxies = new EgressList('proxies', 'Egress proxies', 'Probed', countdowns);
    this.#limits = new EgressList('limits', 'Advertised rate limits', 'Resets', countdowns);
    this.#quotas = new EgressList('quotas', 'Configured rate limits', '', countdowns);
    this.#notStored = new EgressList('not-stored', 'Not stored by the cache', '', countdowns);
    const lists = [this.#proxies, this.#limits, this.#quotas, this.#notStored];
    this.#aside.append(...lists.map(({ panel }) => panel));
  }

  /** Shows them, the worst first; hides the panels if there are none. */
  show({ proxies, moreProxies = 0, limits, quotas = [], notStored = [], time }: CircuitsData): void {
    const reasons = notStored.flatMap((one) => notStoredLook(one) ?? []);
    this.#aside.hidden = proxies.length + limits.length + quotas.length + reasons.length === 0;
    this.#proxies.show([...proxies].sort(byRank(proxyRank)).map((proxy) => proxyLook(proxy, time)));
    this.#proxies.showMore(moreProxies);
    this.#limits.show([...limits].sort(byRank(limitRank)).map((limit) => limitLook(limit, time)));
    this.#quotas.show([...quotas].sort(byRank(quotaRank)).map(quotaLook));
    this.#notStored.show(reasons);
  }
}

class EgressList {
  readonly panel: HTMLElement;
  readonly #list = el('ul', { class: 'egress' });
  readonly #more = el('p', { class: 'caption number more', hidden: true });
  readonly #lines = new Map<string, Line>();
  readonly #countdowns: Countdowns;
  readonly #whenOver: string;

  constructor(id: string, title: string, whenOver: string, countdowns: Countdowns) {
    this.#countdowns = countdowns;
    this.#whenOver = whenOver;
    const heading = el('header', {}, el('h2', { id: `${id}-title` }, title));
    this.panel = el(
      'section',
      { class: 'panel', 'aria-labelledby': `${id}-title` },
      heading,
      this.#list,
      this.#more,
    );
  }

  /** @param more entries that the list does not show */
  showMore(more: number): void {
    this.#more.hidden = more === 0;
    setText(this.#more, `and ${formatCount(more)} more`);
  }

  show(looks: readonly LineLook[]): void {
    this.panel.hidden = looks.length === 0;
    const keys = new Set(looks.map(({ key }) => key));
    for (const key of this.#lines.keys()) if (!keys.has(key)) this.#lines.delete(key);
    arrange(
      this.#list,
      looks.map((look) => this.#line(look)),
    );
  }

  #line(look: LineLook): HTMLElement {
    const line = this.#lines.get(look.key) ?? newLine();
    this.#lines.set(look.key, line);
    setText(line.name, look.name);
    setText(line.below, look.below);
    setText(line.facts, look.facts);
    setAttribute(line.item, 'data-tone', look.tone);
    if (line.icon !== look.icon || line.state.textContent !== look.state) {
      line.state.replaceChildren(icon(look.icon), el('span', {}, look.state));
    }
    line.icon = look.icon;
    line.left.hidden = look.leftMs === undefined;
    if (look.leftMs === undefined) this.#countdowns.end(line.left);
    else {
      this.#countdowns.begin(line.left, {
        leftMs: look.leftMs,
        words: (left) => `${this.#whenOver} in ${left}`,
        over: `${this.#whenOver} now`,
      });
    }
    return line.item;
  }
}

function newLine(): Line {
  const [name, below, facts, left] = [el('strong'), el('span', { class: 'caption' }), el('span'), el('span')];
  const state = el('span', { class: 'state' });
  const item = el(
    'li',
    {},
    el('p', {}, name, state),
    el('p', { class: 'caption number' }, below, facts, left),
  );
  return { item, name, below, state, facts, left, icon: undefined };
}

const proxyRank = ({ state }: EgressProxy): number => ({ 'cooling-down': 0, probing: 1, ok: 2 })[state];

const byRank =
  <T extends { readonly api: string }>(rank: (one: T) => number) =>
  (a: T, b: T): number =>
    rank(a) - rank(b) || (a.api < b.api ? -1 : a.api > b.api ? 1 : 0);

function proxyLook(proxy: EgressProxy, time: number): LineLook {
  const { api, name, address, state, coolsDownUntil, reason, failures, attempts, active } = proxy;
  const words = { ok: 'In use', 'cooling-down': 'Cooling down', probing: 'Probing' } as const;
  const icons = { ok: 'ok', 'cooling-down': 'stop', probing: 'warning' } as const;
  const tones = { ok: 'good', 'cooling-down': 'bad', probing: 'warning' } as const;
  const where = address === undefined ? 'direct' : address.includes(name) ? '' : address;
  return {
    key: JSON.stringify([api, name]),
    name,
    below: [api, where].filter((part) => part !== '').join(' · '),
    state: words[state],
    icon: icons[state],
    tone: tones[state],
    facts: joined([
      reason,
      failures > 0 && `${formatMany(failures, 'failure')} in a row`,
      formatMany(attempts, 'attempt'),
      active > 0 && `${formatCount(active)} in progress`,
      ...trafficFacts(proxy),
    ]),
    leftMs: state === 'cooling-down' && coolsDownUntil !== undefined ? coolsDownUntil - time : undefined,
  };
}

/** What has gone through a proxy, as far as it is known. */
function trafficFacts({ attempts, successes, latencyMs, bans, ...traffic }: EgressProxy) {
  const { bytesSent = 0, bytesReceived = 0, cost } = traffic;
  return [
    attempts > 0 && `${formatRatio(successes, attempts)} successful`,
    latencyMs !== undefined && `${formatMs(latencyMs)} latency`,
    bans > 0 && formatMany(bans, 'ban'),
    bytesSent + bytesReceived > 0 && formatBytes(bytesSent + bytesReceived),
    cost !== undefined && `cost ${formatCost(cost)}`,
  ];
}

function notStoredLook(one: NotStored): LineLook | undefined {
  const advice = adviceOf(one);
  if (!advice) return undefined;
  const [reason, change] = advice;
  return {
    key: JSON.stringify([one.api, one.reason]),
    name: one.api,
    below: reason,
    state: formatMany(one.count, 'response'),
    icon: 'warning',
    tone: 'warning',
    facts: change,
    leftMs: undefined,
  };
}
