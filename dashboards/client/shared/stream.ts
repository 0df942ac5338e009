import type { StreamNews, StreamRequest } from './stream-messages.js';

/** Receives what a stream brings. */
export interface StreamListener {
  /** An event, with its data as JSON. */
  event(name: string, text: string): void;
  /** The stream has broken off, and is opened again. */
  connecting(): void;
  /** There is no stream; it is closed. */
  failed(): void;
}

/** A stream of server-sent events. */
export interface Stream {
  close(): void;
}

let shared: MessagePort | undefined;
/** The worker cannot be loaded. */
let isBroken = false;
let whenBroken: (() => void) | undefined;
let turn = 0;

/**
 * Opens a stream of these events: the one that all pages of this browser share, or one of its own where the browser has no
 * shared workers.
 * @param names beside `problem`
 */
export function openStream(names: readonly string[], query: string, listener: StreamListener): Stream {
  if (isBroken || !('SharedWorker' in window)) return openOwn(names, query, listener);
  try {
    return follow(names, query, listener);
  } catch {
    isBroken = true;
    return openOwn(names, query, listener);
  }
}

function follow(names: readonly string[], query: string, listener: StreamListener): Stream {
  const port = shared ?? connect();
  shared = port;
  const address = new URL('events', location.href).href;
  const own = ++turn;
  const send = (followed: string | undefined): void =>
    port.postMessage({ address, query: followed, names, turn: own } satisfies StreamRequest);
  port.onmessage = ({ data }: MessageEvent<StreamNews>) => {
    if (data.turn !== own) return;
    if (data.kind === 'event') return listener.event(data.name, data.text);
    listener[data.kind]();
  };
  let stream: Stream | undefined;
  whenBroken = () => {
    stream = openOwn(names, query, listener);
  };
  // A page that is left says nothing more.
  const leave = (): void => send(undefined);
  addEventListener('pagehide', leave);
  send(query.slice(1));
  return {
    close() {
      removeEventListener('pagehide', leave);
      port.onmessage = null;
      whenBroken = undefined;
      stream?.close();
      leave();
    },
  };
}

function connect(): MessagePort {
  const worker = new SharedWorker(new URL('../shared/stream-worker.js', import.meta.url));
  worker.addEventListener('error', () => {
    isBroken = true;
    whenBroken?.();
  });
  return worker.port;
}

function openOwn(names: readonly string[], query: string, listener: StreamListener): Stream {
  const events = new EventSource(`events${query}`);
  let errors = 0;
  for (const name of ['problem', ...names]) {
    events.addEventListener(name, ({ data }: MessageEvent<string>) => {
      errors = 0;
      listener.event(name, data);
    });
  }
  events.addEventListener('error', () => {
    if (events.readyState !== EventSource.CLOSED && ++errors < 2) return listener.connecting();
    events.close();
    listener.failed();
  });
  return events;
}
