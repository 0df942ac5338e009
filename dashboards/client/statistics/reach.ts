import type { Objective, View } from '../shared/contract.js';
import { byId, el } from '../shared/element.js';
import { formatMs, formatShare } from '../shared/format.js';
import { moment } from '../shared/moment.js';

/** The lines below the key figures: since when they are counted, and how the API does by its objective. */
export class Reach {
  readonly #box = byId('reach');
  #shown = '';

  /** Shows those of a view. */
  show({ since, slo }: View): void {
    const shown = JSON.stringify([since, slo]);
    // What a reader has selected stays selected.
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#box.hidden = since === undefined && slo === undefined;
    const lines = [
      since !== undefined && el('p', {}, 'Counted since ', moment(since)),
      slo && objective(slo),
    ];
    this.#box.replaceChildren(...lines.filter((line) => line instanceof HTMLElement));
  }
}

function objective(slo: Objective): HTMLElement {
  const goal = `Objective ${formatShare(slo.availability)}`;
  const within = slo.latencyMs === undefined ? '' : ` within ${formatMs(slo.latencyMs)}`;
  if (slo.goodRatio === undefined) return el('p', {}, `${goal}${within}: no calls in 30 days`);
  const rates = Object.entries(slo.burnRates).flatMap(([window, rate]) =>
    rate === undefined ? [] : `${window} ${formatRate(rate)}`,
  );
  return el(
    'p',
    { 'data-alert': slo.alert },
    `${goal}${within}: ${formatShare(slo.goodRatio)} good in 30 days`,
    slo.budgetLeft === undefined ? '' : `, error budget left ${formatShare(slo.budgetLeft)}`,
    rates.length > 0 && ` · burn rate ${rates.join(', ')}`,
    slo.alert && el('strong', {}, slo.alert === 'page' ? ' Burns fast' : ' Burns too fast for 30 days'),
  );
}

const formatRate = (rate: number): string => (rate >= 10 ? String(Math.round(rate)) : rate.toFixed(1));
