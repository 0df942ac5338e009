import { cut, type Ending, type Piece } from './pieces.js';
import { Random } from './random.js';

/** What the target of an attempt does. */
export interface ResponsePlan {
  /** When it speaks: at the head of the request, at the end of its body, or not at all. */
  readonly speaks: 'head' | 'end' | 'never';
  /** It does not read the body of the request. */
  readonly deaf: boolean;
  readonly pieces: readonly Piece[];
  readonly ending: Ending;
}

/** What the plan of a target depends on, beside the seed. */
export interface Attempted {
  readonly number: number;
  /** From 0. */
  readonly attempt: number;
  readonly method: string;
  readonly upgrade: boolean;
}

/** The plan of a target, the same for the same seed and attempt. */
export function responsePlan(seed: number, { number, attempt, method, upgrade }: Attempted): ResponsePlan {
  const random = new Random(seed, number, 2, attempt);
  const { text, clean } =
    upgrade && random.chance(0.6) ? { text: switching(random), clean: true } : response(random);
  const whole = random.chance(0.8);
  const keeps = whole && random.chance(0.5);
  const pieces = cut(random, whole ? text : text.slice(0, random.int(0, text.length)));
  return {
    speaks: random.chance(0.03) ? 'never' : random.chance(0.5) ? 'head' : 'end',
    deaf: random.chance(0.1),
    // What nobody expects comes in one go: when it came later, nothing could tell it from the next response.
    pieces:
      keeps && !(clean && method !== 'HEAD') ? [{ bytes: Buffer.from(text, 'latin1'), waitMs: 0 }] : pieces,
    // What was told in part is not followed by anything else.
    ending: keeps ? 'keep' : random.pick(['end', 'end', 'destroy', 'reset']),
  };
}

/** @returns `clean`: there is no doubt where it ends */
function response(random: Random): { text: string; clean: boolean } {
  const before = interim(random);
  const { head, body, clean } = framed(random);
  const lines = [...headers(random), ...head].map((line) => `${line}\r\n`).join('');
  const status = statusLine(random);
  return {
    text: `${before}${status}\r\n${lines}\r\n${body}`,
    clean: clean === true && before === '' && /^HTTP\/1\.[01] (?!204|304)[2-9]\d\d /.test(status),
  };
}

function interim(random: Random): string {
  if (random.chance(0.85)) return '';
  const one = (): string =>
    random.pick([
      'HTTP/1.1 102 Processing\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\nLink: nonsense\r\nX: \xe9\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 104 Upload\r\n\r\n',
      'HTTP/1.1 199 Other\r\nContent-Length: 3\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
    ]);
  return Array.from({ length: random.int(1, 3) }, one).join('');
}

const STATUSES = [
  '200',
  '200',
  '200',
  '201',
  '204',
  '205',
  '206',
  '301',
  '304',
  '401',
  '404',
  '407',
  '413',
  '429',
] as const;
const ODD_STATUSES = [
  '500',
  '502',
  '503',
  '503',
  '504',
  '600',
  '999',
  '000',
  '001',
  '099',
  '20',
  '1000',
  'abc',
  '',
] as const;

function statusLine(random: Random): string {
  const version = random.chance(0.9)
    ? 'HTTP/1.1'
    : random.pick(['HTTP/1.0', 'HTTP/1.0', 'HTTP/1.0', 'HTTP/2.0', 'ICY', '']);
  const status = random.chance(0.85) ? random.pick(STATUSES) : random.pick(ODD_STATUSES);
  const reason = random.chance(0.8)
    ? 'Reason'
    : random.pick(['', 'a\x01b', 'a\x7fb', 'caf\xe9', '\xc3\xa9', '\xff\xfe', 'x'.repeat(5000)]);
  return `${version} ${status}${random.chance(0.95) ? ` ${reason}` : ''}`;
}

const HEADERS = [
  'Connection: close',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: close, X-Hop',
  'Connection: upgrade',
  'Keep-Alive: timeout=1',
  'Keep-Alive: timeout=0',
  'Keep-Alive: timeout=-5',
  'Trailer: X-Sum',
  'Trailer: Content-Length',
  'Upgrade: h2c',
  'Set-Cookie: a=1',
  'Set-Cookie: b=2; Domain=x',
  'Location: /elsewhere',
  'Location: http://[bad',
  'Date: yesterday',
  'Retry-After: 0',
  'Via: 1.1 other',
  'Vary: *',
  'Content-Type: text/event-stream',
  'X-Empty:',
  'X-Tab:\ta\t',
  'X-Latin: caf\xe9',
  '__proto__: 1',
  'constructor: 1',
] as const;
const ODD_HEADERS = [
  'X-Control: a\x01b',
  'X-Nul: a\0b',
  'X-Folded: a\r\n b',
  'X-Bare: a\rb',
  'X Space: 1',
  'X-(: 1',
  ': nameless',
  'no colon',
] as const;

function headers(random: Random): string[] {
  const lines: string[] = [];
  for (let left = random.int(0, 3); left > 0; left--) {
    lines.push(random.chance(0.15) ? random.pick(ODD_HEADERS) : random.pick(HEADERS));
  }
  if (random.chance(0.03)) lines.push(`X-Long: ${'l'.repeat(random.size(120_000))}`);
  if (random.chance(0.01)) for (let i = 0; i < 2500; i++) lines.push(`X-${i}: ${i}`);
  return lines;
}

/** A body, and the headers that say where it ends, or say it wrong. */
function framed(random: Random): { head: string[]; body: string; clean?: boolean } {
  const length = random.chance(0.05) ? random.size(4_000_000) : random.size(150_000);
  const body = 'r'.repeat(length);
  const kind = random.int(0, 9);
  const rest = junk(random);
  if (kind < 3) return { head: [`Content-Length: ${length}`], body: body + rest, clean: rest === '' };
  if (kind < 6) return { head: ['Transfer-Encoding: chunked'], body: chunked(random, body) + rest };
  if (kind < 8) return { head: [], body };
  if (kind < 9) {
    const wrong = random.pick([
      length + 1 + random.size(1000),
      Math.max(0, length - 1),
      -1,
      '1e3',
      '0x5',
      '5, 5',
      '',
      ' ',
    ]);
    return { head: [`Content-Length: ${wrong}`], body };
  }
  return random.pick([
    { head: ['Content-Length: 2', 'Content-Length: 3'], body: 'abc' },
    { head: [`Content-Length: ${length}`, 'Transfer-Encoding: chunked'], body: chunked(random, body) },
    { head: ['Transfer-Encoding: gzip'], body },
    { head: ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], body },
    { head: ['Transfer-Encoding: gzip, chunked'], body: chunked(random, body) },
  ]);
}

/** What comes in one go behind a response: nobody may take it for the next. */
const junk = (random: Random): string =>
  random.chance(0.95)
    ? ''
    : random.pick(['junk', '\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil']);

function chunked(random: Random, body: string): string {
  let text = '';
  for (let from = 0; from < body.length; ) {
    const to = from + 1 + random.size(body.length - from);
    const chunk = body.slice(from, to);
    text += `${chunk.length.toString(16)}${random.chance(0.95) ? '' : ';ext="a"'}\r\n${chunk}\r\n`;
    from = to;
  }
  if (random.chance(0.9)) return `${text}0\r\n${trailers(random)}\r\n`;
  return (
    text +
    random.pick([
      'zz\r\n',
      '-1\r\n',
      '5\r\nhi',
      '\r\n',
      '0\r\n',
      '0',
      'ffffffffffffffffff\r\n',
      '5\r\nhello!\r\n',
    ])
  );
}

const trailers = (random: Random): string =>
  random.chance(0.8)
    ? ''
    : random.pick([
        'X-Sum: 1\r\n',
        'X-Sum: a\x01\r\n',
        'X Sum: 1\r\n',
        'Content-Length: 7\r\n',
        'X-Sum: \xe9\r\n',
      ]);

function switching(random: Random): string {
  const upgrade = random.pick(['websocket', 'websocket', 'websocket', 'WebSocket', 'h2c', '']);
  const lines = ['HTTP/1.1 101 Switching Protocols', ...headers(random)];
  if (random.chance(0.95)) lines.push('Connection: Upgrade');
  if (upgrade) lines.push(`Upgrade: ${upgrade}`);
  if (random.chance(0.05)) lines.push('Content-Length: 5');
  return `${lines.join('\r\n')}\r\n\r\n${random.bytes(random.size(20_000), 0, 255)}`;
}
