import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { onCleanup } from './cleanup.js';
import { within } from './until.js';

export interface CallOptions {
  method?: string | undefined;
  headers?: Record<string, string | number | string[]> | undefined;
  body?: string | Buffer | Readable | undefined;
  /** The request target of the request line, in place of the URL's path. */
  path?: string | undefined;
  agent?: Agent | undefined;
}

/** An interim response. */
export interface Information {
  readonly status: number;
  readonly rawHeaders: readonly string[];
}

/** A response read to its end. */
export interface TargetResponse {
  readonly status: number;
  readonly statusMessage: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly text: string;
  readonly rawTrailers: readonly string[];
  readonly information: readonly Information[];
  /** Every value of a header, line by line. */
  lines(name: string): string[];
  json(): unknown;
}

/** A call whose head has arrived and whose body is still to be read. */
export interface OpenCall {
  readonly req: ClientRequest;
  readonly res: IncomingMessage;
  readonly information: readonly Information[];
}

/** Starts a call. The body is sent at once; the response is not read until requested. */
export function begin(url: string, { body, agent, ...options }: CallOptions = {}): ClientRequest {
  const req = request(url, { agent: agent ?? false, ...options });
  req.on('error', () => {});
  onCleanup(() => req.destroy());
  if (body instanceof Readable) body.pipe(req);
  else req.end(body);
  return req;
}

/** Resolves at the head of the response. */
export function open(url: string, options: CallOptions = {}): Promise<OpenCall> {
  return headOf(begin(url, options));
}

/** Resolves at the head of the response to a request in progress. */
export function headOf(req: ClientRequest): Promise<OpenCall> {
  const information: Information[] = [];
  req.on('information', (info) => information.push({ status: info.statusCode, rawHeaders: info.rawHeaders }));
  const head = new Promise<OpenCall>((resolve, reject) => {
    req.on('response', (res) => resolve({ req, res, information }));
    req.on('error', reject);
  });
  return within(head, 'the head of the response', 15_000);
}

/** Resolves with the whole response; fails if it breaks off. */
export async function call(url: string, options: CallOptions = {}): Promise<TargetResponse> {
  return responseOf(await open(url, options));
}

/** Reads a response to its end. */
export async function responseOf({ res, information }: OpenCall): Promise<TargetResponse> {
  const chunks: Buffer[] = [];
  const read = async (): Promise<void> => {
    for await (const chunk of res) chunks.push(chunk);
  };
  await within(read(), 'the end of the response', 15_000);
  const body = Buffer.concat(chunks);
  const { rawHeaders, headers, rawTrailers, statusCode: status = 0, statusMessage = '' } = res;
  const lines = (name: string) => valuesOf(rawHeaders, name);
  const text = body.toString();
  return {
    status,
    statusMessage,
    rawHeaders,
    headers,
    body,
    text,
    rawTrailers,
    information,
    lines,
    json: () => JSON.parse(text),
  };
}

/** How a response ends that nothing else reads to its end. */
export async function endingOf(res: IncomingMessage): Promise<{ bytes: number; clean: boolean }> {
  let bytes = 0;
  res.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const ending = new Promise<boolean>((resolve) => {
    res.on('error', () => resolve(false));
    res.on('close', () => resolve(res.complete));
  });
  res.resume();
  const clean = await within(ending, 'the response to end or break off', 10_000);
  return { bytes, clean };
}

/** Every value of a header in a flat list, by its name in any letter case. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name.toLowerCase());
}

/** An agent that keeps one connection, closed after the test. */
export function keepAliveAgent(maxSockets = 1): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets });
  onCleanup(() => agent.destroy());
  return agent;
}
