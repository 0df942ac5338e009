import { expect } from 'chai';
import type { Machine } from '../../../lib/core/machine.js';
import { metrics } from '../../../lib/metrics/metrics.js';
import { metricsOfAll } from '../../../lib/metrics/metrics-of-all.js';
import { processFamilies } from '../../../lib/metrics/process-families.js';
import { onCleanup } from '../../support/cleanup.js';

type Receive = (message: unknown, from: number) => unknown;

/** The page of a primary, and what its workers do: they send what their own handlers have. */
function startPrimary() {
  const handlers = new Map<string, Receive>();
  const gone: ((worker: number) => void)[] = [];
  const workers = new Map<number, () => Promise<unknown>>();
  const machine = {
    primary: true,
    handle(name: string, receive: Receive) {
      handlers.set(name, receive);
      return () => {};
    },
    onGone: (told: (worker: number) => void) => void gone.push(told),
    async askAll() {
      for (const [id, read] of workers) handlers.get('metrics:counted')?.(await read(), id);
    },
  } as unknown as Machine;
  const handlerOf = () => {
    const handler = metrics({ name: 'x' });
    handler.add(processFamilies());
    onCleanup(() => handler.close());
    return handler;
  };
  const primary = metricsOfAll(handlerOf(), machine);
  return {
    primary,
    addWorker(id: number) {
      const handler = handlerOf();
      workers.set(id, () => handler.snapshot());
    },
    async endWorker(id: number) {
      workers.delete(id);
      for (const told of gone) told(id);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';
const namesIn = (page: string) => [...page.matchAll(/^(\w+)(?:\{.*\})? /gm)].map(([, name]) => name);

describe('metricsOfAll()', () => {
  it('has the same names in both formats: Prometheus asks for OpenMetrics', async () => {
    const { primary, addWorker } = startPrimary();
    addWorker(1);
    const [plain, open] = [await primary.render(), await primary.render(OPEN_METRICS)];
    expect(namesIn(plain)).to.include.members(['resilient_proxy_calls_total', 'process_cpu_seconds_total']);
    expect(new Set(namesIn(open))).to.deep.equal(new Set(namesIn(plain)));
    expect(open).to.contain('# TYPE resilient_proxy_calls counter\n');
  });

  it('has lines of its own for each process, which end with it', async () => {
    const { primary, addWorker, endWorker } = startPrimary();
    addWorker(1);
    addWorker(2);
    const linesOf = async () =>
      [...(await primary.render()).matchAll(/^process_cpu_seconds_total\{worker="(\w+)"\} \S+$/gm)].map(
        ([, worker]) => worker,
      );
    expect(await linesOf()).to.have.members(['primary', '1', '2']);
    await endWorker(1);
    expect(await linesOf()).to.have.members(['primary', '2']);
  });
});
