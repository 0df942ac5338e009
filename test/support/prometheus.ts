import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onCleanup } from './cleanup.js';
import { call } from './client.js';
import { unusedPort } from './listening.js';

/** A real Prometheus. */
export interface Prometheus {
  /** The values of an expression at this moment, by the labels of each series as `a=1,b=2`. */
  query(expression: string): Promise<Map<string, number>>;
  /** Waits until the expression has a value for which this holds. */
  until(expression: string, holds: (value: number) => boolean): Promise<void>;
}

/** Starts Prometheus, which scrapes this address, and ends it after the test. */
export async function startPrometheus(scraped: string): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'rpo-prometheus-'));
  const port = await unusedPort();
  const { host, pathname } = new URL(scraped);
  const file = join(folder, 'prometheus.yml');
  await writeFile(
    file,
    `global: { scrape_interval: 100ms, scrape_timeout: 100ms }
scrape_configs:
  - job_name: proxy
    metrics_path: ${pathname}
    static_configs: [{ targets: ['${host}'] }]
`,
  );
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn('prometheus', args, { stdio: 'ignore' });
  onCleanup(async () => {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    if (child.exitCode === null) await exit;
    await rm(folder, { recursive: true, force: true });
  });

  async function query(expression: string): Promise<Map<string, number>> {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
    const { status, body } = await call(url);
    if (status !== 200) throw new Error(`Prometheus says ${status} to ${expression}: ${body}`);
    const { data } = JSON.parse(body.toString()) as { data: { result: Series[] } };
    return new Map(data.result.map(({ metric, value }) => [labelsOf(metric), Number(value[1])]));
  }

  async function until(expression: string, holds: (value: number) => boolean): Promise<void> {
    const giveUpAt = performance.now() + WITHIN_MS;
    for (;;) {
      // It refuses connections, and then queries, until it has read its own files.
      const values = await query(expression).catch(() => new Map<string, number>());
      if ([...values.values()].some(holds)) return;
      if (performance.now() > giveUpAt) throw new Error(`Waited in vain for ${expression}: ${[...values]}`);
      if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return { query, until };
}

const WITHIN_MS = 15_000;

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

const labelsOf = ({ __name__, instance, job, ...labels }: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(',');
