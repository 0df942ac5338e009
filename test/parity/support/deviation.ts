import type { Facts, Observation } from './observation.js';
import type { ParityCase } from './parity-case.js';
import { type Message, readMessages } from './wire.js';

/** The transport of a call. */
export type Carrier = 'node' | 'undici';

/**
 * A difference between plain http-proxy-middleware and `forward()`: rewrites the observation of plain to exactly what
 * `forward()` must do. So a case fails if a difference has gone as well as if one is new.
 */
export interface Deviation {
  /** What differs, as shown on the page. */
  readonly what: string;
  /** The reason, with the rule it follows from. */
  readonly why: string;
  /** Of `forward()` only, not of `createProxyMiddleware()` with `resiliencePlugin()`. */
  readonly ofForward?: boolean;
  /** Changes plain's observation in place. */
  readonly apply: (expected: Observation, facts: Facts, carrier: Carrier) => void;
}

/** Every request that any upstream got. */
export function requestsOf(seen: Observation): Message[] {
  return Object.values(seen.upstreams).flatMap(({ requests }) => requests);
}

/** Sets a header to one line, or removes it. */
export function setHeader(message: Message, name: string, value: string | undefined): void {
  message.headers = message.headers.filter(([candidate]) => candidate.toLowerCase() !== name);
  if (value !== undefined) message.headers.push([name, value]);
}

/** Sets a header to these lines. */
export function setLines(message: Message, name: string, values: readonly string[]): void {
  setHeader(message, name, undefined);
  for (const value of values) message.headers.push([name, value]);
}

/** An error reaches `next` as a {@link ProxyError}; http-proxy-middleware sends plain text itself. */
export function failsWith(code: string, status: string): Deviation {
  return {
    what: `fails with \`${code}\`, ${status.split(' ')[0]}, by \`next(error)\``,
    why: 'plain sends plain text with host and URL, or nothing; here the application responds, to one type of error for all stages',
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

/** Any other difference, of `forward()` only. */
export function forwardDiffers(what: string, why: string, apply: Deviation['apply']): Deviation {
  return { what, why, apply, ofForward: true };
}

export const pathAlone = (left = ''): Deviation =>
  forwardDiffers(
    'a request line in absolute form is reduced to its path',
    'RFC 9112 §3.2.2: its host is ignored',
    (expected) => {
      for (const message of requestsOf(expected)) {
        message.start = message.start.replace('/http://elsewhere.example', left);
      }
    },
  );

/** The client gets this response of the upstream, where plain sent none. */
export function fromUpstream(bytes: string, carrier: Carrier): Message {
  const [message = ownResponse('500 Internal Server Error', '')] = readMessages(bytes, {
    kind: 'response',
    closed: true,
  });
  message.headers.push(['connection', 'keep-alive'], ['via', '1.1 resilient-proxy-out']);
  if (carrier === 'undici') message.headers.push(['keep-alive', 'timeout=5']);
  return message;
}

/** The factory refuses what plain accepts and fails with later. */
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
    'plain logs it and passes the call on: a filter that protects something would fail open',
    (expected) => {
      expected.responses = [ownResponse('500 Internal Server Error', `failed: ${message}`)];
      expected.calls = [`next(${message})`];
    },
  );

/** http-proxy-middleware's own plugin responds to errors of `resiliencePlugin()`, whose codes it does not know. */
export const answeredByItself: Deviation = differs(
  'its `errorResponsePlugin` sends 500 instead of 504',
  'it knows socket error codes, and gets a ProxyError',
  (expected) => {
    for (const message of expected.responses) message.start = 'HTTP/1.1 500 Internal Server Error';
  },
);

/** A redirect that makes plain crash. */
export const passedOn: Deviation = differs(
  'it is passed to the client',
  'it cannot be rewritten or followed; plain crashes',
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
