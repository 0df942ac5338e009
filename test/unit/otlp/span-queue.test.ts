import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import { OtlpHealth } from '../../../lib/otlp/otlp-health.js';
import { SpanQueue } from '../../../lib/otlp/span-queue.js';
import { withVariables } from '../../integration/otlp/gateway-with-otlp.js';
import { until } from '../../support/until.js';

const spanOf = (traceFlags = 1) => ({ spanContext: () => ({ traceFlags }) }) as unknown as ReadableSpan;

/** A queue whose exporter does not return until it is told to. */
function queueOf(variables: Readonly<Record<string, string>> = {}) {
  withVariables(variables);
  const batches: number[] = [];
  const done: (() => void)[] = [];
  const health = new OtlpHealth('traces', 'http://collector:4318');
  const queue = new SpanQueue(
    {
      export(spans, report) {
        batches.push(spans.length);
        done.push(() => report({ code: 0 }));
      },
      shutdown: async () => {},
    },
    health,
  );
  const end = (count: number) => {
    for (let i = 0; i < count; i++) queue.onEnd(spanOf());
  };
  return { batches, done, health, queue, end };
}

describe('SpanQueue', () => {
  it('holds no more than its bound while the collector does not respond, and counts what it drops', async () => {
    const { batches, done, health, queue, end } = queueOf();
    end(512);
    expect(batches).to.deep.equal([512]);
    end(10_000);
    expect(health.status().lost).to.equal(10_000 - 2048);
    for (let sent = 0; sent < 5; sent++) {
      await until(() => done.length === sent + 1);
      done[sent]?.();
    }
    await queue.forceFlush();
    expect(batches).to.deep.equal([512, 512, 512, 512, 512]);
  });

  it('takes its bounds from the variables of OpenTelemetry', () => {
    const { batches, health, end } = queueOf({
      OTEL_BSP_MAX_QUEUE_SIZE: '5',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '2',
    });
    end(2);
    end(6);
    expect([batches, health.status().lost]).to.deep.equal([[2], 1]);
  });

  it('sends again after a flush of nothing', async () => {
    const { batches, queue, end } = queueOf({ OTEL_BSP_SCHEDULE_DELAY: '1' });
    await queue.forceFlush();
    end(1);
    await until(() => batches.length === 1);
  });

  it('leaves out what is recorded but not sampled', async () => {
    const { batches, queue } = queueOf();
    queue.onEnd(spanOf(0));
    await queue.forceFlush();
    expect(batches).to.deep.equal([]);
  });

  it('waits for the last batch no longer than it may, and counts the rest as lost', async () => {
    const { batches, health, queue, end } = queueOf();
    end(600);
    await queue.close(5);
    end(1);
    expect([batches, health.status().lost]).to.deep.equal([[512], 88]);
  });
});
