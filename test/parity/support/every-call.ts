import { type Deviation, requestsOf, setHeader, setLines } from './deviation.js';
import type { Facts } from './observation.js';
import { lineOf, linesOf, type Message } from './wire.js';

const HOP_BY_HOP = [
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

const isInterim = (message: Message): boolean =>
  / 10[0-9]( |$)/.test(message.start) && !/ 101( |$)/.test(message.start);

/** A response to an upgrade, switched or not: httpxy writes it to the socket and closes that. */
const isUpgrade = ({ requests }: Facts): boolean => requests.some(({ framing }) => framing === 'tunnel');

function tokensOf(message: Message): string[] {
  return linesOf(message, 'connection')
    .flatMap((value) => value.toLowerCase().split(','))
    .map((token) => token.trim())
    .filter((token) => !/^(keep-alive|close|te|upgrade|)$/.test(token));
}

/** The upstream's response that plain's response was made from. */
function sourceOf(message: Message, facts: Facts): Message | undefined {
  const status = message.start.split(' ')[1];
  return Object.values(facts.sent)
    .flat()
    .find(({ start }) => start.split(' ')[1] === status);
}

const requestVia: Deviation = {
  what: '`Via` is added to each request',
  why: 'RFC 9110 §7.6.3: a gateway adds itself to what it forwards',
  apply: (expected, { requests }) => {
    for (const message of requestsOf(expected)) {
      const version = /HTTP\/(1\.\d)$/.exec(requests[0]?.start ?? '')?.[1] ?? '1.1';
      message.headers.push(['via', `${version} resilient-proxy-out`]);
    }
  },
};

const requestHops: Deviation = {
  what: 'hop-by-hop headers of a request are removed but `TE: trailers`, and connections to the target are kept alive',
  why: 'RFC 9110 §7.6.1; they are about the client’s connection only',
  apply: (expected, { requests }) => {
    const tokens = requests.flatMap(tokensOf);
    for (const message of requestsOf(expected)) {
      if (message.framing === 'tunnel') continue;
      const trailers = /\btrailers\b/i.test(lineOf(message, 'te') ?? '');
      const chunked = message.framing === 'chunked';
      for (const name of [...HOP_BY_HOP, ...tokens]) setHeader(message, name, undefined);
      if (trailers) message.headers.push(['te', 'trailers']);
      if (chunked) message.headers.push(['transfer-encoding', 'chunked']);
      // Without a keep-alive agent it closes here as well.
      if (chunked || requests.some((one) => lineOf(one, 'connection') !== undefined)) {
        setHeader(message, 'connection', 'keep-alive');
      }
      if (trailers) setHeader(message, 'connection', 'TE, keep-alive');
    }
  },
};

const requestEnds: Deviation = {
  what: 'connections are closed after a HEAD, and after a body on a method that expects none',
  why: 'RFC 9112 §11.2: of a target that gets these wrong, the next client would get a response that is not its own',
  apply: (expected, { requests }, carrier) => {
    for (const upstream of Object.values(expected.upstreams)) {
      upstream.requests.forEach((message, i) => {
        const [method = ''] = message.start.split(' ');
        const sent = requests.some((one) => one.start.startsWith(`${method} `) && hasBody(one));
        const unexpected = /^(GET|DELETE|OPTIONS)$/.test(method) && sent;
        if (method !== 'HEAD' && !unexpected) return;
        // undici says so for HEAD only.
        if (method === 'HEAD' || carrier === 'node') setHeader(message, 'connection', 'close');
        if (i + 1 < upstream.requests.length) upstream.connections++;
      });
    }
  },
};

const hasBody = ({ framing, headers }: Message): boolean =>
  framing === 'chunked' || headers.some(([name, value]) => /^content-length$/i.test(name) && value !== '0');

const requestLines: Deviation = {
  what: 'repeated headers of a request stay separate lines',
  why: 'RFC 9110 §5.3 lets a proxy join them; Node joins some and drops others; here they are sent as received',
  apply: (expected, { requests }) => {
    for (const message of requestsOf(expected)) {
      for (const [name, lines] of repeated(requests)) {
        if (lineOf(message, name) !== undefined) setLines(message, name, lines);
      }
    }
  },
};

const noEmptyLength: Deviation = {
  what: 'DELETE and OPTIONS without a body have no `Content-Length: 0` (undici)',
  why: 'RFC 9110 §8.6 requires none if the method expects no body',
  apply: (expected, { requests }, carrier) => {
    if (carrier === 'node') return;
    for (const message of requestsOf(expected)) {
      const [method] = message.start.split(' ');
      const bare = requests.some(
        ({ start, framing }) => start.startsWith(`${method} `) && framing === 'none',
      );
      if (!bare || !/^(DELETE|OPTIONS)$/.test(method ?? '')) continue;
      setHeader(message, 'content-length', undefined);
      message.framing = 'none';
    }
  },
};

function repeated(messages: readonly Message[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const message of messages) {
    for (const [name] of message.headers) {
      const lower = name.toLowerCase();
      const lines = linesOf(message, lower);
      if (lines.length > 1 && !HOP_BY_HOP.includes(lower) && !/^(connection|cookie)$/.test(lower))
        found.set(lower, lines);
    }
  }
  return found;
}

const responseVia: Deviation = {
  what: '`Via` is added to each response',
  why: 'RFC 9110 §7.6.3',
  apply: (expected, facts) => {
    for (const message of expected.responses) {
      if (sourceOf(message, facts) && !isInterim(message))
        message.headers.push(['via', '1.1 resilient-proxy-out']);
    }
  },
};

const responseHops: Deviation = {
  what: "hop-by-hop headers of a response are removed: the client's connection is kept or closed as the client requested",
  why: 'RFC 9110 §7.6.1',
  apply: (expected, facts, carrier) => {
    const last = facts.requests.at(-1);
    const closes =
      /close/i.test(last ? (lineOf(last, 'connection') ?? '') : '') || /1\.0$/.test(last?.start ?? '');
    for (const message of expected.responses) {
      const source = sourceOf(message, facts);
      if (!source || isInterim(message) || isUpgrade(facts)) continue;
      const chunked = message.framing === 'chunked';
      const trailer = lineOf(message, 'trailer');
      for (const name of [...HOP_BY_HOP, ...tokensOf(source)]) setHeader(message, name, undefined);
      if (trailer !== undefined) message.headers.push(['trailer', trailer]);
      if (chunked) message.headers.push(['transfer-encoding', 'chunked']);
      setHeader(message, 'connection', closes ? 'close' : 'keep-alive');
      // Node's server sends Keep-Alive if nothing else has set Connection; httpxy does set it.
      if (!closes && carrier !== 'node') message.headers.push(['keep-alive', 'timeout=5']);
    }
  },
};

const responseLines: Deviation = {
  what: 'repeated headers of a response stay separate lines',
  why: 'RFC 9110 §5.3; joined or dropped, as Node does, they would not be what the target sent',
  apply: (expected, facts) => {
    for (const message of expected.responses) {
      const source = sourceOf(message, facts);
      if (!source) continue;
      for (const [name, lines] of repeated([source])) {
        if (name !== 'set-cookie' && lineOf(message, name) !== undefined) setLines(message, name, lines);
      }
    }
  },
};

const responseTrailers: Deviation = {
  what: 'trailers of a response are passed on',
  why: 'RFC 9110 §6.5.1; plain loses them, though it announces them',
  apply: (expected, facts) => {
    for (const message of expected.responses) {
      const source = sourceOf(message, facts);
      if (source && message.framing === 'chunked') message.trailers = source.trailers;
    }
  },
};

const noContentLength: Deviation = {
  what: 'a 204 has no `Content-Length`',
  why: 'RFC 9110 §8.6 forbids it, and some clients wait for the bytes it announces',
  apply: (expected) => {
    for (const message of expected.responses) {
      if (/ 204( |$)/.test(message.start)) setHeader(message, 'content-length', undefined);
    }
  },
};

/** Differences of every call: each case applies them to plain's observation before comparing. */
export const REQUEST_DEVIATIONS: readonly Deviation[] = [
  requestLines,
  requestHops,
  requestEnds,
  requestVia,
  noEmptyLength,
];
export const RESPONSE_DEVIATIONS: readonly Deviation[] = [
  responseLines,
  responseTrailers,
  noContentLength,
  responseHops,
  responseVia,
];
