import type { Time } from '../../../lib/core/time.js';
import { type StatsHandler, stats } from '../../../lib/stats/stats.js';
import type { StatsOptions } from '../../../lib/stats/stats-options.js';
import type { Figures, StatsView } from '../../../lib/stats/stats-source.js';
import { onCleanup } from '../../support/cleanup.js';
import { within } from '../../support/until.js';

/** `stats()`, closed after the test. */
export function openStats(options: StatsOptions = {}, time?: Time): StatsHandler {
  const handler = stats(options, time);
  onCleanup(() => handler.close());
  return handler;
}

/**
 * The view of an API, or of one of its paths, once so many requests are over: a client has its response before that.
 */
export async function viewOf(
  handler: StatsHandler,
  total: number,
  api = 'default',
  path?: string,
): Promise<StatsView> {
  let view: StatsView | undefined;
  const polling = async (): Promise<void> => {
    view = await handler.view({ api, path, period: 'all', errors: 1000 });
    while (view?.figures.total !== total) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      view = await handler.view({ api, path, period: 'all', errors: 1000 });
    }
  };
  await within(polling(), `${total} calls of ${api}${path ?? ''} to be counted`).catch((error: Error) => {
    throw new Error(`${error.message}; seen: ${view?.figures.total}`);
  });
  if (!view) throw new Error('There is no view');
  return view;
}

/** The figures of {@link viewOf}. */
export async function figuresOf(handler: StatsHandler, total: number, api?: string): Promise<Figures> {
  return (await viewOf(handler, total, api)).figures;
}
