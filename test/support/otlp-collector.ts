import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { onCleanup } from './cleanup.js';
import { decodeOtlp } from './otlp-messages.js';
import { until } from './until.js';

type Attributes = Readonly<Record<string, unknown>>;

/** A span as the collector got it. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Attributes;
  readonly resource: Attributes;
}

/** A metric as the collector got it. */
export interface ReceivedMetric {
  readonly name: string;
  readonly unit: string;
  readonly type: 'sum' | 'gauge' | 'histogram';
  readonly temporality: number | undefined;
  readonly monotonic: boolean | undefined;
  readonly points: readonly (Readonly<Record<string, unknown>> & { readonly attributes: Attributes })[];
  readonly resource: Attributes;
}

/** A receiver of OTLP over HTTP. */
export interface OtlpCollector {
  readonly url: string;
  readonly requests: { readonly url: string; readonly headers: IncomingHttpHeaders }[];
  readonly spans: ReceivedSpan[];
  /** Of each request the metrics by their names. */
  readonly metrics: Map<string, ReceivedMetric>[];
  /** What it says to requests: a status, or nothing at all. */
  status: number | 'silence';
  /** Spans received, once there are so many. */
  receive(count: number): Promise<readonly ReceivedSpan[]>;
}

/** Starts a collector; closed after the test. @param port for one that was away */
export async function startCollector(port = 0): Promise<OtlpCollector> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      const { url = '', headers } = req;
      collector.requests.push({ url, headers });
      if (collector.status === 'silence') return;
      const body = Buffer.concat(chunks);
      if (collector.status === 200)
        take(headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body, url, headers);
      res.writeHead(collector.status).end();
    });
  });
  server.on('connection', (socket) => sockets.add(socket));

  function take(body: Buffer, url: string, headers: IncomingHttpHeaders): void {
    const isJson = headers['content-type'] === 'application/json';
    const signal = url.endsWith('/traces') ? 'traces' : 'metrics';
    const message = Object(isJson ? JSON.parse(body.toString()) : decodeOtlp(body, signal));
    for (const { resource, scopeSpans = [] } of message.resourceSpans ?? [])
      for (const { spans = [] } of scopeSpans)
        for (const span of spans)
          collector.spans.push({
            ...span,
            attributes: attributesOf(span.attributes),
            resource: attributesOf(resource.attributes),
          });
    for (const { resource, scopeMetrics = [] } of message.resourceMetrics ?? [])
      for (const { metrics = [] } of scopeMetrics)
        collector.metrics.push(
          new Map(metrics.map((one: object) => [Object(one).name, metricOf(one, resource)])),
        );
  }
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onCleanup(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const collector: OtlpCollector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    spans: [],
    metrics: [],
    status: 200,
    async receive(count) {
      await until(() => collector.spans.length >= count, `${count} spans at the collector`);
      return collector.spans;
    },
  };
  return collector;
}

function metricOf(metric: object, resource: { attributes?: unknown }): ReceivedMetric {
  const { name, unit, sum, gauge, histogram } = Object(metric);
  const data = sum ?? gauge ?? histogram;
  return {
    ...{ name, unit, type: sum ? 'sum' : gauge ? 'gauge' : 'histogram' },
    temporality: data.aggregationTemporality,
    monotonic: data.isMonotonic,
    points: data.dataPoints.map((point: object) => ({
      ...point,
      attributes: attributesOf(Object(point).attributes),
    })),
    resource: attributesOf(resource.attributes),
  };
}

function attributesOf(list: unknown): Attributes {
  const entries = ((list ?? []) as { key: string; value: object }[]).map(({ key, value }) => {
    const [type, held] = Object.entries(value)[0] ?? [];
    return [key, type === 'intValue' ? Number(held) : held];
  });
  return Object.fromEntries(entries);
}
