import { cut, type Ending, type Piece } from './pieces.js';
import { Random } from './random.js';

/** What the client of an exchange does. */
export interface RequestPlan {
  readonly upgrade: boolean;
  readonly pieces: readonly Piece[];
  /** It does not read for so long. */
  readonly deafMs: number;
  /** It leaves after so many bytes of the response; 0 once all is sent. */
  readonly leavesAfter: number;
  readonly leaves: Ending;
}

const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** The plan of a client, the same for the same seed and number. */
export function requestPlan(seed: number, number: number): RequestPlan {
  const random = new Random(seed, number, 1);
  const upgrade = random.chance(0.15);
  const text = upgrade ? handshake(random, number) : requests(random, number);
  const stays = random.chance(0.6);
  return {
    upgrade,
    pieces: cut(random, text),
    deafMs: random.chance(0.15) ? random.int(1, 60) : 0,
    leavesAfter: stays ? Number.POSITIVE_INFINITY : random.size(300_000),
    leaves: random.pick(['end', 'destroy', 'reset']),
  };
}

/** Now and then another one follows on the connection before the response has come. */
const requests = (random: Random, number: number): string =>
  request(random, number) + (random.chance(0.1) ? anyRequest(random, number) : '');

const anyRequest = (random: Random, number: number): string =>
  random.chance(0.2) ? handshake(random, number) : request(random, number);

function request(random: Random, number: number): string {
  const method = random.pick(METHODS);
  const version = random.chance(0.9) ? '1.1' : '1.0';
  const lines = [`${method} ${path(random, number)} HTTP/${version}`, 'Host: a'];
  if (random.chance(0.8)) lines.push('Connection: close');
  if (random.chance(0.1)) lines.push('TE: trailers');
  const withBody = !/GET|HEAD|OPTIONS/.test(method) || random.chance(0.05);
  if (!withBody) return `${lines.join('\r\n')}\r\n\r\n`;
  if (random.chance(0.1)) lines.push('Expect: 100-continue');
  const length = random.chance(0.1) ? random.size(3_000_000) : random.size(100_000);
  const sent = random.chance(0.85) ? length : random.int(0, length);
  if (random.chance(0.5)) {
    lines.push(`Content-Length: ${length}`);
    return `${lines.join('\r\n')}\r\n\r\n${'b'.repeat(sent)}`;
  }
  lines.push('Transfer-Encoding: chunked');
  const end = random.chance(0.85) ? '0\r\n\r\n' : random.pick(['', '0\r\n', 'zz\r\n', '0\r\nX: 1\r\n\r\n']);
  const chunk = sent > 0 ? `${sent.toString(16)}\r\n${'b'.repeat(sent)}\r\n` : '';
  return `${lines.join('\r\n')}\r\n\r\n${chunk}${end}`;
}

/** The target knows by it what it is to do. */
function path(random: Random, number: number): string {
  const kind = random.next();
  if (kind < 0.3) return `/r/${number}`;
  // Two clients at once want the same.
  if (kind < 0.45) return `/c/${number - (number % 2)}`;
  return `/x/${number}`;
}

function handshake(random: Random, number: number): string {
  const lines = [
    `GET ${path(random, number)} HTTP/1.1`,
    'Host: a',
    'Connection: Upgrade',
    'Upgrade: websocket',
  ];
  if (random.chance(0.97)) lines.push('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==');
  lines.push('Sec-WebSocket-Version: 13');
  return `${lines.join('\r\n')}\r\n\r\n${random.chance(0.3) ? random.bytes(random.size(5000), 0, 255) : ''}`;
}
