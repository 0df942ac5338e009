import type { Facts, Observation } from './observation.js';
import type { ParityCase } from './parity-case.js';
import { type Message, readMessages } from './wire.js';

/** What a call goes by. */
export type Carrier = 'node' | 'undici';

/**
 * A difference between plain http-proxy-middleware and `forward()`: what plain was seen to do is rewritten to
 * exactly what `forward()` must do. So one that has gone makes its case fail as well as one that is new.
 */
export interface Deviation {
  /** What differs, as the page tells it. */
  readonly what: string;
  /** Why, with the rule that it follows from. */
  readonly why: string;
  /** Of `forward()` alone, not of `createProxyMiddleware()` with `resiliencePlugin()`. */
  readonly ofForward?: boolean;
  /** Changes plain's observation in place. */
  readonly apply: (expected: Observation, facts: Facts, carrier: Carrier) => void;
}

/** Every request that any upstream got. */
export function requestsOf(seen: Observation): Message[] {
  return Object.values(seen.upstreams).flatMap(({ requests }) => requests);
}

/** Sets a field to one line, or takes it out. */
export function setHeader(message: Message, name: string, value: string | undefined): void {
  message.headers = message.headers.filter(([candidate]) => candidate.toLowerCase() !== name);
  if (value !== undefined) message.headers.push([name, value]);
}

/** Sets a field to these lines. */
export function setLines(message: Message, name: string, values: readonly string[]): void {
  setHeader(message, name, undefined);
  for (const value of values) message.headers.push([name, value]);
}

/** An error reaches `next` as a {@link ProxyError}, where http-proxy-middleware answers in plain text by itself. */
export function failsWith(code: string, status: string): Deviation {
  return {
    what: `fails with \`${code}\`, ${status.split(' ')[0]}, by \`next(error)\``,
    why: 'plain answers in plain text, with host and URL, or not at all; here the application answers, to one kind of error for all stages',
    ofForward: true,
    apply: (expected) => {
      expected.responses = [...expected.responses.slice(0, -1), ownResponse(status, `failed: ${code}`)];
      expected.calls = [
        ...expected.calls
          .filter((line) => !line.startsWith('next('))
          .map((line) => line.replace(ERROR, `error ${code} `)),
        `next(${code})`,
      ];
      expected.crashes = [];
    },
  };
}

const ERROR = /^error \S+ /;

function ownResponse(status: string, body: string): Message {
  return {
    start: `HTTP/1.1 ${status}`,
    headers: [
      ['date', 'Mon, 23 Nov 2026 10:00:00 GMT'],
      ['connection', 'keep-alive'],
      ['keep-alive', 'timeout=5'],
      ['content-length', String(body.length)],
    ],
    body,
    framing: 'length',
    trailers: [],
    cut: false,
  };
}

/** Any other difference. */
export function differs(what: string, why: string, apply: Deviation['apply']): Deviation {
  return { what, why, apply };
}

/** Any other difference, of `forward()` alone. */
export function forwardDiffers(what: string, why: string, apply: Deviation['apply']): Deviation {
  return { what, why, apply, ofForward: true };
}

export const pathAlone = (left = ''): Deviation =>
  forwardDiffers(
    'a request line in absolute form is reduced to its path',
    'RFC 9112 §3.2.2: it names a host that is not asked',
    (expected) => {
      for (const message of requestsOf(expected)) {
        message.start = message.start.replace('/http://elsewhere.example', left);
      }
    },
  );

/** The client gets this answer of the upstream, where plain gave none. */
export function answered(bytes: string, carrier: Carrier): Message {
  const [message = ownResponse('500 Internal Server Error', '')] = readMessages(bytes, {
    kind: 'answer',
    closed: true,
  });
  message.headers.push(['connection', 'keep-alive'], ['via', '1.1 resilient-proxy-out']);
  if (carrier === 'undici') message.headers.push(['keep-alive', 'timeout=5']);
  return message;
}

/** The factory refuses what plain takes, and fails with later. */
export function refusedAtOnce(
  option: string,
  why: string,
): Pick<ParityCase, 'differs' | 'free' | 'refusedFor'> {
  const shown = `InvalidOptionError: forward.${option}`;
  return {
    refusedFor: null,
    differs: {
      both: [
        forwardDiffers(`\`${option}\` is refused when the factory is called`, why, (expected) => {
          Object.assign(expected, { upstreams: {}, responses: [], calls: [], crashes: [], refused: shown });
        }),
      ],
    },
    free: {
      why: 'the rest of the message',
      leaveOut: (seen) => {
        seen.refused = seen.refused?.split(' ').slice(0, 2).join(' ');
      },
    },
  };
}

/** What a `pathFilter` throws. */
export const thrownByFilter = (message: string): Deviation =>
  forwardDiffers(
    'what a `pathFilter` throws reaches `next(error)`',
    'plain writes it to its logger and lets the call pass: a filter that limits something would fail open',
    (expected) => {
      expected.responses = [ownResponse('500 Internal Server Error', `failed: ${message}`)];
      expected.calls = [`next(${message})`];
    },
  );

/** http-proxy-middleware's own plugin answers what `resiliencePlugin()` tells it of, by codes that it does not know. */
export const answeredByItself: Deviation = differs(
  'its `errorResponsePlugin` says 500 where it says 504 else',
  'it knows the codes of sockets, and is told of a ProxyError',
  (expected) => {
    for (const message of expected.responses) message.start = 'HTTP/1.1 500 Internal Server Error';
  },
);

/** A redirect that plain crashes at. */
export const passedOn: Deviation = differs(
  'it goes to the client',
  'nobody can rewrite or follow it; plain crashes',
  (expected, { sent }) => {
    const [found] = sent.main ?? [];
    if (!found) return;
    expected.responses = [
      {
        ...found,
        headers: [...found.headers, ['connection', 'keep-alive'], ['via', '1.1 resilient-proxy-out']],
      },
    ];
    expected.crashes = [];
  },
);
