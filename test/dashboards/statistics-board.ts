import type { Page } from 'playwright-core';
import { statsDashboardWithTime } from '../../dashboards/stats-dashboard.js';
import { apisAt } from '../support/dashboard-scene.js';
import { type FakeStats, fakeStats } from '../support/fake-stats.js';
import { fastTime } from '../support/toy-time.js';
import { mounted } from './mounted.js';

/** The page of statistics over such figures, mounted at an address; to wait for an update takes a tenth of a second. */
export async function statisticsBoard(
  source: FakeStats = fakeStats(apisAt(Date.now())),
  time = fastTime(10),
): Promise<{ source: FakeStats; url: string }> {
  const { board: url } = await mounted(statsDashboardWithTime(time, source));
  return { source, url };
}

/** The value of a key figure. */
export const kpi = (page: Page, name: string) => page.locator('.kpi', { hasText: name }).locator('.value');

/** How many calls the page shows. */
export const total = async (page: Page) => (await kpi(page, 'Calls').textContent()) ?? '';

/** Waits until the page follows live. */
export const live = (page: Page) => page.locator('.feed-state[data-state=live]').waitFor();
