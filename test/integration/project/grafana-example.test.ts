import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { call } from '../../support/client.js';
import { buildGateway } from '../../support/gateway-program.js';
import { runGateway } from '../../support/run-gateway.js';
import { startUpstream, text } from '../../support/upstream.js';

const FOLDER = 'examples/grafana';
const ALERTS = resolve(FOLDER, 'alerts.yaml');
const OWN_METRIC = /\b(?:resilient_proxy|process|nodejs)_\w+/g;
/** Labels that Prometheus adds, and those of recording rules. */
const ADDED = ['job', 'instance', 'le', 'worker'];

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}

/** Every part of the package on, so that all metrics are there. */
const configOf = (target: string) => `
server: { port: 0 }
redis: { url: 'redis://127.0.0.1:1' }
tracing: { otlp: 'http://127.0.0.1:1' }
apis:
  x:
    target: ${target}
    cache: {}
    rateLimit: { limit: 1000 }
    concurrency: { limit: 5 }
  y:
    target: ${target}
    proxyRotate: { proxies: ['http://127.0.0.1:1'] }
`;

const promtool = (...args: string[]) => promisify(execFile)('promtool', args);

describe('the example for Grafana', function example() {
  this.timeout(60_000);
  let folder = '';
  let dashboard: { panels: Panel[]; templating: { list: { name: string; definition?: string }[] } };
  /** Every metric of a scrape with the names of its labels, as far as it has lines yet. */
  const scraped = new Map<string, Set<string>>();
  const lines = new Set<string>();
  const expressions: string[] = [];

  before(async function build(this: Mocha.Context) {
    buildGateway.call(this);
    folder = await mkdtemp(join(tmpdir(), 'grafana-'));
    dashboard = JSON.parse(await readFile(join(FOLDER, 'dashboard.json'), 'utf8'));
    for (const { targets = [] } of dashboard.panels) expressions.push(...targets.map(({ expr }) => expr));
    const config = join(folder, 'apis.yaml');
    await writeFile(config, configOf((await startUpstream(text('fine'))).url));
    const gateway = await runGateway(['--config', config]);
    for (const api of ['x', 'y']) await call(`${gateway.url}/api/${api}/`);
    const page = (await call(`${gateway.url}/metrics`)).text;
    for (const [, name = ''] of page.matchAll(/^# TYPE (\S+)/gm)) scraped.set(name, new Set());
    for (const [, line = '', labels = ''] of page.matchAll(/^(\w+)(?:\{(.*)\})? /gm)) {
      lines.add(familyOf(line));
      const known = scraped.get(familyOf(line));
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known?.add(label);
    }
    gateway.child.kill('SIGTERM');
    await gateway.ended;
  });
  after(() => rm(folder, { recursive: true }));

  const familyOf = (name: string) => (scraped.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''));
  const metricsIn = (expression: string) => (expression.match(OWN_METRIC) ?? []).map(familyOf);

  it('has panels with ids of their own, which lie beside one another', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).to.equal(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).to.be.at.most(24);
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
    });
    expect(new Set(cells).size).to.equal(cells.length);
    for (const { type, targets = [], datasource, title } of panels.filter(({ type }) => type !== 'row')) {
      expect([type, datasource?.uid, title !== '', targets.length > 0]).to.deep.equal([
        type,
        `\${datasource}`,
        true,
        true,
      ]);
      expect(new Set(targets.map(({ refId }) => refId)).size).to.equal(targets.length);
    }
  });

  it('uses only variables that it has', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    const used = JSON.stringify(dashboard).matchAll(/\$\{?([a-z]\w*)/g);
    for (const [, name] of used) expect(names).to.include(name);
  });

  it('shows only metrics and labels that a gateway has', async () => {
    const rules = await readFile(ALERTS, 'utf8');
    const ofRules = [...rules.matchAll(/expr: (?:>-\n)?((?:.|\n(?= {10}))+)/g)].map(([, expr = '']) => expr);
    expect(ofRules.length).to.be.above(15);
    const ofVariables = dashboard.templating.list.flatMap(({ definition = [] }) => definition);
    const all = [...expressions, ...ofRules, ...ofVariables];
    const used = new Set(all.flatMap(metricsIn));
    expect([...used].filter((name) => !scraped.has(name) && !name.startsWith('resilient_proxy_bad_calls')))
      .to.be.an('array')
      .that.has.length(0);
    const hasLines = (name: string) => lines.has(familyOf(name));
    for (const expression of all) {
      for (const [, name = '', selector = ''] of expression.matchAll(/(\w+)\{([^}]*)\}/g))
        for (const [, label = ''] of selector.matchAll(/(\w+)[=!]~?=?"/g))
          if (hasLines(name))
            expect([...ADDED, ...(scraped.get(familyOf(name)) ?? [])], expression).to.include(label);
      const metrics = metricsIn(expression);
      if (!metrics.every(hasLines)) continue;
      const known = metrics.flatMap((name) => [...(scraped.get(name) ?? [])]);
      for (const [, labels = ''] of expression.matchAll(/by \(([^)]*)\)/g))
        for (const label of labels.split(/,\s*/).filter((one) => one !== ''))
          expect([...ADDED, ...known], expression).to.include(label);
    }
  });

  it('shows all metrics of the gateway but a few', () => {
    const shown = new Set(expressions.flatMap(metricsIn));
    const left = [...scraped.keys()].filter(
      (name) => name.startsWith('resilient_proxy_') && !shown.has(name),
    );
    // Parts of others, or for questions that come up once.
    expect(left.map((name) => name.replace('resilient_proxy_', ''))).to.have.members([
      'attempt_duration_seconds',
      'cache_entries',
      'circuit_fleet',
      'config_last_reload_timestamp_seconds',
      'config_reloads_total',
      'log_waiting_bytes',
      'otlp_batches_total',
      'otlp_failing',
      'proxy_cost_total',
      'quota_limit',
      'quota_waiting',
      'responses_cut_total',
      'slo_good_ratio',
      'slo_objective_ratio',
      'stream_duration_seconds',
      'time_to_first_byte_seconds',
      'websocket_bytes_total',
      'websockets_cut_total',
    ]);
  });

  it('has expressions that Prometheus understands', async () => {
    const groups = {
      groups: [
        {
          name: 'panels',
          rules: expressions.map((expr, i) => ({
            record: `panel_${i}`,
            expr: expr.replaceAll(/\$__\w+/g, '5m').replaceAll(/\$\w+/g, '.+'),
          })),
        },
      ],
    };
    const file = join(folder, 'panels.yaml');
    await writeFile(file, JSON.stringify(groups));
    expect((await promtool('check', 'rules', file)).stdout).to.contain(
      `SUCCESS: ${expressions.length} rules found`,
    );
  });

  it('has alerts that Prometheus understands', async () => {
    expect((await promtool('check', 'rules', ALERTS)).stdout).to.contain('SUCCESS');
  });

  it('alerts for what it says, and for nothing while all is well', async () => {
    const p = 'resilient_proxy_';
    const at = 'job="gateway",instance="a:8087"';
    const seriesOf = (bad: boolean) => ({
      [`${p}call_outcomes_total{${at},api="x",outcome="success"}`]: bad ? '0+90x210' : '0+100x210',
      [`${p}call_outcomes_total{${at},api="x",outcome="failure"}`]: bad ? '0+10x210' : '0x210',
      [`${p}call_outcomes_total{${at},api="x",outcome="aborted"}`]: '0+50x210',
      [`${p}circuit_state{${at},circuit="x",state="OPEN"}`]: bad ? '1x210' : '0x210',
      [`${p}proxy_state{${at},api="x",proxy="p",state="ok"}`]: bad ? '0x210' : '1x210',
      [`${p}limits_exhausted{${at},api="x",proxy="direct"}`]: bad ? '1x210' : '0x210',
      [`${p}redis_up{${at}}`]: bad ? '0x210' : '1x210',
      [`${p}redis_refused_total{${at},code="OOM"}`]: bad ? '0+1x210' : '0x210',
      [`${p}stats_unsent_calls{${at}}`]: bad ? '200000x210' : '0x210',
      [`${p}config_last_reload_success{${at}}`]: bad ? '0x210' : '1x210',
      [`${p}attempts_total{${at},api="x",proxy="direct",outcome="401"}`]: bad ? '0+90x210' : '0+10x210',
      [`${p}attempts_total{${at},api="x",proxy="direct",outcome="200"}`]: '0+90x210',
      [`${p}errors_total{${at},api="(unknown)",code="ERR_UNKNOWN_API"}`]: bad ? '0+60x210' : '0+1x210',
      [`${p}log_lines_dropped_total{${at}}`]: bad ? '0+5x210' : '0x210',
      [`${p}otlp_failing{${at},signal="traces"}`]: bad ? '1x210' : '0x210',
      [`${p}event_loop_lag_seconds{${at},stat="p99"}`]: bad ? '0.5x210' : '0.01x210',
      [`${p}build_info{${at},version="1",node="v24"}`]: '1x210',
      [`process_open_fds{${at}}`]: bad ? '900x210' : '90x210',
      [`process_max_fds{${at}}`]: '1000x210',
      'up{job="resilient-proxy-out",instance="a:8087"}': bad ? '0x210' : '1x210',
    });
    const names = [...(await readFile(ALERTS, 'utf8')).matchAll(/alert: (\w+)/g)].map(([, name]) => name);
    expect(names).to.have.length(16);
    // In `ALERTS` itself, a list of what is firing, whatever its labels and texts.
    const testOf = (bad: boolean) => ({
      interval: '2m',
      input_series: Object.entries(seriesOf(bad)).map(([series, values]) => ({ series, values })),
      promql_expr_test: [
        {
          expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
          eval_time: '6h50m',
          exp_samples: bad ? names.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })) : [],
        },
      ],
    });
    const file = join(folder, 'alerts-test.yaml');
    const tests = [testOf(true), testOf(false)];
    await writeFile(file, JSON.stringify({ rule_files: [ALERTS], evaluation_interval: '2m', tests }));
    expect((await promtool('test', 'rules', file)).stdout).to.contain('SUCCESS');
  });
});
