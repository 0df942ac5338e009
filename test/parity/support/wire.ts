/** One HTTP/1 message as sent on the wire. */
export interface Message {
  /** Request or status line. */
  start: string;
  /** Header lines, with names as they were written. */
  headers: [name: string, value: string][];
  /** Without its framing, one character per byte. */
  body: string;
  framing: 'none' | 'length' | 'chunked' | 'close' | 'tunnel';
  trailers: [name: string, value: string][];
  /** The connection closed before the message was complete. */
  cut: boolean;
}

/** What a reader of responses needs beside their bytes. */
export interface Reading {
  kind: 'request' | 'response';
  /** Methods of the requests, in order; a response to HEAD has no body. */
  methods?: readonly string[];
  /** No more bytes follow: an incomplete message is broken off, and a body without a length is complete. */
  closed: boolean;
}

/** All messages in these bytes; an incomplete one is left out. */
export function readMessages(bytes: string, { kind, methods = [], closed }: Reading): Message[] {
  const messages: Message[] = [];
  let rest = bytes;
  let finals = 0;
  while (rest !== '') {
    const read = readMessage(rest, kind, methods[finals] ?? 'GET', closed);
    if (!read) return messages;
    messages.push(read.message);
    rest = read.rest;
    if (!/ 1\d\d /.test(read.message.start)) finals++;
  }
  return messages;
}

type Read = { message: Message; rest: string };

function readMessage(text: string, kind: Reading['kind'], method: string, closed: boolean): Read | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) {
    if (!closed) return undefined;
    return { message: { ...blank(text), cut: true }, rest: '' };
  }
  const [start = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const message: Message = { ...blank(start), headers: lines.map(headerOf) };
  const rest = text.slice(headEnd + 4);
  const status = kind === 'response' ? Number(start.split(' ')[1]) : 0;
  if (status === 101) return { message: { ...message, framing: 'tunnel', body: rest }, rest: '' };
  if (kind === 'request' && /^websocket$/i.test(lineOf(message, 'upgrade') ?? '')) {
    return { message: { ...message, framing: 'tunnel', body: rest }, rest: '' };
  }
  const bodyless =
    kind === 'response' && (method === 'HEAD' || status < 200 || status === 204 || status === 304);
  if (bodyless) return { message, rest };
  if (/\bchunked\s*$/i.test(lineOf(message, 'transfer-encoding') ?? '')) return chunks(message, rest, closed);
  const length = lineOf(message, 'content-length');
  if (length !== undefined) return counted(message, rest, Number(length), closed);
  if (kind === 'request') return { message, rest };
  return closed ? { message: { ...message, framing: 'close', body: rest }, rest: '' } : undefined;
}

const blank = (start: string): Message => ({
  start,
  headers: [],
  body: '',
  framing: 'none',
  trailers: [],
  cut: false,
});

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  // Each proxy has a name of its own.
  const value = line.slice(colon + 1).replace(/(?<= resilient-proxy-out)-[0-9a-f]{8}$/, '');
  return [line.slice(0, colon), value.trim()];
}

/** First value of a header. */
export function lineOf(message: Message, name: string): string | undefined {
  return message.headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1];
}

/** All values of a header. */
export function linesOf(message: Message, name: string): string[] {
  return message.headers.filter(([candidate]) => candidate.toLowerCase() === name).map(([, value]) => value);
}

function counted(message: Message, text: string, length: number, closed: boolean): Read | undefined {
  const short = text.length < length;
  if (short && !closed) return undefined;
  const body = text.slice(0, length);
  return { message: { ...message, framing: 'length', body, cut: short }, rest: text.slice(length) };
}

function chunks(message: Message, text: string, closed: boolean): Read | undefined {
  let at = 0;
  let body = '';
  const cutOff = closed
    ? (): Read => ({ message: { ...message, framing: 'chunked', body, cut: true }, rest: '' })
    : () => undefined;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return cutOff();
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error(`No chunk size: ${JSON.stringify(text.slice(at, lineEnd))}`);
    if (size === 0) {
      const end = text.startsWith('\r\n', lineEnd + 2) ? lineEnd : text.indexOf('\r\n\r\n', lineEnd + 2);
      if (end < 0 || text.length < end + 4) return cutOff();
      const lines = end === lineEnd ? [] : text.slice(lineEnd + 2, end).split('\r\n');
      const whole = { ...message, framing: 'chunked', body, trailers: lines.map(headerOf) } as const;
      return { message: whole, rest: text.slice(end + 4) };
    }
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
    if (text.length < at) return cutOff();
  }
}

/** Bytes of a response, with a length and a constant date. */
export function response(status: string, headers: readonly string[] = [], body = ''): string {
  const lines = [`HTTP/1.1 ${status}`, DATE, `Content-Length: ${body.length}`, ...headers];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Bytes of a response exactly as given: lines of the head, then the body. */
export function exactly(head: readonly string[], body = ''): string {
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** A date for scripted responses. */
export const DATE = 'Date: Mon, 23 Nov 2026 10:00:00 GMT';

/** Bytes of a request. */
export function request(start: string, headers: readonly string[] = [], body?: string): string {
  const host = headers.some((line) => /^host:/i.test(line)) ? [] : ['Host: app.example'];
  const length =
    body === undefined || headers.some((line) => /^(content-length|transfer-encoding):/i.test(line));
  const lines = [
    `${start} HTTP/1.1`,
    ...host,
    ...headers,
    ...(length ? [] : [`Content-Length: ${body.length}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}
