/** Type of a field: a message by its name, or how a value is written. */
type FieldType =
  | keyof typeof MESSAGES
  | 'string'
  | 'hex'
  | 'bool'
  | 'int'
  | 'fixed'
  | 'double'
  | 'fixeds'
  | 'doubles';
type Field = readonly [name: string, type: FieldType, repeated?: 'repeated'];
type Message = Readonly<Record<number, Field>>;

/** The messages of OTLP, as far as tests read them, by the numbers of their fields in opentelemetry-proto. */
const MESSAGES = {
  traces: { 1: ['resourceSpans', 'resourceSpans', 'repeated'] },
  resourceSpans: { 1: ['resource', 'resource'], 2: ['scopeSpans', 'scopeSpans', 'repeated'] },
  scopeSpans: { 1: ['scope', 'scope'], 2: ['spans', 'span', 'repeated'] },
  span: {
    1: ['traceId', 'hex'],
    2: ['spanId', 'hex'],
    4: ['parentSpanId', 'hex'],
    5: ['name', 'string'],
    6: ['kind', 'int'],
    9: ['attributes', 'attribute', 'repeated'],
  },
  metrics: { 1: ['resourceMetrics', 'resourceMetrics', 'repeated'] },
  resourceMetrics: { 1: ['resource', 'resource'], 2: ['scopeMetrics', 'scopeMetrics', 'repeated'] },
  scopeMetrics: { 1: ['scope', 'scope'], 2: ['metrics', 'metric', 'repeated'] },
  metric: {
    1: ['name', 'string'],
    3: ['unit', 'string'],
    5: ['gauge', 'points'],
    7: ['sum', 'points'],
    9: ['histogram', 'buckets'],
  },
  points: {
    1: ['dataPoints', 'point', 'repeated'],
    2: ['aggregationTemporality', 'int'],
    3: ['isMonotonic', 'bool'],
  },
  point: { 4: ['asDouble', 'double'], 7: ['attributes', 'attribute', 'repeated'] },
  buckets: { 1: ['dataPoints', 'bucketPoint', 'repeated'], 2: ['aggregationTemporality', 'int'] },
  bucketPoint: {
    4: ['count', 'fixed'],
    5: ['sum', 'double'],
    6: ['bucketCounts', 'fixeds'],
    7: ['explicitBounds', 'doubles'],
    9: ['attributes', 'attribute', 'repeated'],
  },
  resource: { 1: ['attributes', 'attribute', 'repeated'] },
  scope: { 1: ['name', 'string'] },
  attribute: { 1: ['key', 'string'], 2: ['value', 'value'] },
  value: {
    1: ['stringValue', 'string'],
    2: ['boolValue', 'bool'],
    3: ['intValue', 'int'],
    4: ['doubleValue', 'double'],
  },
} as const satisfies Record<string, Record<number, readonly [string, string, 'repeated'?]>>;

/** Decodes a request of OTLP in protobuf, with the names that it has in JSON. */
export function decodeOtlp(bytes: Buffer, message: 'traces' | 'metrics'): object {
  return decode(bytes, MESSAGES[message] as Message);
}

function decode(bytes: Buffer, message: Message): object {
  const found: Record<string, unknown> = {};
  let at = 0;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    let raw: Buffer | number;
    if (wire === 0) raw = varint();
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : varint();
      raw = bytes.subarray(at, at + length);
      at += length;
    }
    const field = message[Math.floor(tag / 8)];
    if (!field) continue;
    const [name, type, repeated] = field;
    const value = fieldOf(raw, type);
    found[name] = repeated ? [...((found[name] as unknown[]) ?? []), value] : value;
  }
  return found;
}

function fieldOf(raw: Buffer | number, type: FieldType): unknown {
  if (typeof raw === 'number') return type === 'bool' ? raw === 1 : raw;
  const eights = Array.from({ length: Math.floor(raw.length / 8) }, (_, i) => i * 8);
  switch (type) {
    case 'string':
      return raw.toString();
    case 'hex':
      return raw.toString('hex');
    case 'double':
      return raw.readDoubleLE();
    case 'fixed':
      return Number(raw.readBigUInt64LE());
    case 'doubles':
      return eights.map((at) => raw.readDoubleLE(at));
    case 'fixeds':
      return eights.map((at) => Number(raw.readBigUInt64LE(at)));
    default:
      return decode(raw, MESSAGES[type as keyof typeof MESSAGES] as Message);
  }
}
