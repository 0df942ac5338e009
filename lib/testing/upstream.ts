import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { type ScriptedResponse, status } from './responses.js';
import { type Served, serve } from './serve.js';

/** A request as a scripted upstream has received it. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** Empty until all of it has arrived, which is before the response begins. */
  readonly body: string;
}

/** The API of a test: a real server whose responses are scripted. */
export interface ScriptedUpstream extends Served {
  /** Every request since the start, or since `clear()`, in the order of arrival; each attempt of a call is one. */
  readonly requests: readonly ReceivedRequest[];
  /** The same, short: `['GET /berlin', …]`. */
  readonly lines: readonly string[];
  /** Responds like this from now on: one after another, and the last one to all further requests. */
  respond(...responses: ScriptedResponse[]): void;
  /** Resolves once so many requests have arrived, at least. */
  received(count: number): Promise<void>;
  /** Forgets the requests. */
  clear(): void;
}

/**
 * Starts an API on a free port of 127.0.0.1 that responds as a test wants it to. It has real connections, which can break
 * or stay silent, and it keeps no process alive.
 *
 * @param responses one for each request, in turn, and the last one for all further requests; `status(200)` if there are
 *   none
 */
export async function startUpstream(...responses: ScriptedResponse[]): Promise<ScriptedUpstream> {
  let script = checked(responses);
  let responded = 0;
  let requests: ReceivedRequest[] = [];
  const waiting = new Set<() => void>();

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = req;
    const request = { method, url, headers, body: '' };
    const respond = script[Math.min(responded++, script.length - 1)] ?? status(200);
    requests.push(request);
    for (const look of waiting) look();
    const body = await bodyOf(req);
    if (body === undefined) return;
    request.body = body;
    // Node takes it from a clock of its own, which a test cannot move.
    res.setHeader('date', new Date(Date.now()).toUTCString());
    try {
      await respond(request, res);
    } catch (error) {
      // Without a response, the test would wait for a timeout before it is told of the error.
      if (res.headersSent) res.destroy();
      else res.writeHead(500).end(`A scripted response has failed: ${error}`);
      throw error;
    }
  }

  const served = await serve(handle);
  return {
    ...served,
    get requests() {
      return requests;
    },
    get lines() {
      return requests.map(({ method, url }) => `${method} ${url}`);
    },
    respond(...responses) {
      script = checked(responses);
      responded = 0;
    },
    received(count) {
      return new Promise((resolve) => {
        const look = (): void => {
          if (requests.length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    clear() {
      requests = [];
    },
  };
}

/** @throws TypeError where one is no function, as a status by itself */
function checked(responses: readonly ScriptedResponse[]): readonly ScriptedResponse[] {
  for (const response of responses) {
    if (typeof response !== 'function') {
      throw new TypeError(`A response must be a function, as status(503) returns; received ${response}`);
    }
  }
  return responses;
}

/** `undefined` where the connection has broken before its end. */
async function bodyOf(req: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of req) chunks.push(chunk);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString();
}
