import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { resilientProxy } from '../../../lib/resilient-proxy.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { startPrometheus } from '../../support/prometheus.js';
import { serve } from '../../support/serve.js';
import { startUpstream } from '../../support/upstream.js';

/** Whatever `promtool check metrics` has to say; nothing where all is well. */
async function promtool(page: string): Promise<string> {
  const child = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  child.stdin.end(page);
  const [status] = await once(child, 'close');
  return status === 0 ? said : `${said}exit ${status}`;
}

async function start() {
  const upstream = await startUpstream((req, res) => {
    const { searchParams } = new URL(req.url ?? '/', 'http://upstream');
    setTimeout(
      () => res.writeHead(Number(searchParams.get('status') ?? 200)).end('x'),
      Number(searchParams.get('ms')),
    );
  });
  const proxy = resilientProxy({
    metrics: { eventLoop: true, bucketsMs: [10, 20, 40, 80, 160, 320] },
    apis: {
      a: { target: upstream.url, retry: false, breaker: false, cache: { ttlMs: 60_000 }, slo: {} },
      b: { target: upstream.url, rateLimit: { limit: 100, windowMs: 1000 }, concurrency: { limit: 10 } },
    },
  });
  onCleanup(() => proxy.close());
  const { url } = await serve((req, res) => {
    if (req.url !== '/metrics') return proxy(req, res);
    void proxy.metrics?.render(req.headers.accept).then((page) => {
      res.setHeader('content-type', proxy.metrics?.contentType(req.headers.accept) ?? '').end(page);
    });
  });
  return { proxy, url };
}

describe('the page of metrics, as Prometheus reads it', () => {
  it('is without fault to promtool, before the first call and after', async () => {
    const { proxy, url } = await start();
    expect(await promtool((await proxy.metrics?.render()) ?? '')).to.equal('');
    for (const path of ['/a/x?ms=1', '/a/x?status=503', '/b/x', '/none/x']) await call(url + path);
    expect(await promtool((await proxy.metrics?.render()) ?? '')).to.equal('');
    expect(await promtool('wrong_total 1\n# HELP other_seconds\n')).not.to.equal('');
  });

  it('shows the first failure as an increase, counts exactly, and quantiles in the right bucket', async () => {
    const { url } = await start();
    const prometheus = await startPrometheus(`${url}/metrics`);
    await prometheus.until(
      'resilient_proxy_errors_total{api="a",code="ERR_UPSTREAM_TIMEOUT"}',
      (value) => value === 0,
    );
    await prometheus.until('count_over_time(resilient_proxy_calls_in_flight[1m])', (scrapes) => scrapes > 2);
    const times = [...Array(18).fill(2), ...Array(2).fill(100)];
    await Promise.all(times.map((ms, i) => call(`${url}/a/${i}?ms=${ms}`)));
    await call(`${url}/a/bad?status=503`);
    const calls = (code: string) => `resilient_proxy_calls_total{api="a",method="GET",code="${code}"}`;
    await prometheus.until(`${calls('200')} + ignoring(code) ${calls('503')}`, (value) => value === 21);
    const { query } = prometheus;
    const read = async (expression: string) => [...(await query(expression)).values()][0] ?? Number.NaN;
    expect(await read(`increase(${calls('503')}[1m])`)).to.be.above(0.9);
    expect(await read(`increase(${calls('500')}[1m])`)).to.equal(0);
    expect(await read('sum(resilient_proxy_call_duration_seconds_count{api="a"})')).to.equal(21);
    const quantile = (share: number) =>
      read(
        `histogram_quantile(${share}, sum by (le) (resilient_proxy_attempt_duration_seconds_bucket{api="a"}))`,
      );
    // 2 of 21 took 100 ms at the target: they are in the bucket from 80 to 160 ms, or later on a busy machine.
    expect(await quantile(0.99)).to.be.above(0.08);
    expect(await read('resilient_proxy_attempt_duration_seconds_bucket{api="a",le="0.08"}')).to.be.at.most(
      19,
    );
  });
});
