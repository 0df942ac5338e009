import type { CallsInProgress } from '../core/calls-in-progress.js';
import type { Exchange } from '../core/exchange.js';
import { bytesSent, measuredBody } from '../core/meter.js';
import type { CountedSocket } from '../core/upgrade.js';
import { isOpenStream } from '../http/outcome.js';
import type { Told } from './count-call.js';
import type { LivePath } from './live-api.js';
import { LiveTimes } from './live-times.js';
import type { OpenCounts } from './open-counts.js';

/** A call's bytes are counted at its end, unless it takes longer than this. */
const LONG_MS = 200;

interface LongCall extends Told {
  readonly path: LivePath;
}

interface RunningSocket extends Told {
  readonly path: LivePath;
  readonly openedAt: number;
}

/** The recorder that {@link Running} counts for. */
export interface RunningOwner {
  /** Whether a call is counted here. */
  counts(exchange: Exchange): boolean;
  /** The path that a call is counted under. */
  pathOf(exchange: Exchange): LivePath;
  /** Called before something is counted outside of {@link Running.tell}. */
  beforeCount(): void;
}

/** Counts the bytes of what is in progress, so that a stream is seen before its end, and the lives of WebSockets. */
export class Running {
  readonly #calls: CallsInProgress;
  readonly #owner: RunningOwner;
  readonly #long = new Map<Exchange, LongCall>();
  readonly #sockets = new Map<CountedSocket, RunningSocket>();

  constructor(calls: CallsInProgress, owner: RunningOwner) {
    this.#calls = calls;
    this.#owner = owner;
  }

  begin(exchange: Exchange): void {
    this.#calls.add(exchange);
  }

  /** @returns the bytes of it that are counted already */
  end(exchange: Exchange): Told | undefined {
    this.#calls.delete(exchange);
    const told = this.#long.get(exchange);
    if (told) this.#long.delete(exchange);
    return told;
  }

  /** Counts a WebSocket from now until it closes. */
  opened(socket: CountedSocket, path: LivePath): void {
    this.#sockets.set(socket, { path, openedAt: performance.now(), bytesIn: 0, bytesOut: 0 });
    socket.onClose(() => this.#closed(socket));
  }

  /** What is open of the APIs that `isOf` accepts. */
  open(isOf: (api: string) => boolean): OpenCounts {
    const counts = { calls: 0, streams: 0, webSockets: 0 };
    const now = performance.now();
    for (const exchange of this.#calls) {
      if (!isOf(exchange.api) || !this.#owner.counts(exchange)) continue;
      counts.calls++;
      if (isOpenStream(exchange, now)) counts.streams++;
    }
    for (const { api } of this.#sockets.keys()) if (isOf(api)) counts.webSockets++;
    return counts;
  }

  /** Counts what has passed since the last time. */
  tell(now: number): void {
    for (const exchange of this.#calls) if (now - exchange.startedAt > LONG_MS) this.#tellCall(exchange);
    for (const [socket, running] of this.#sockets) tellSocket(socket, running);
  }

  #tellCall(exchange: Exchange): void {
    let call = this.#long.get(exchange);
    if (!call) {
      if (!this.#owner.counts(exchange)) return;
      call = { path: this.#owner.pathOf(exchange), bytesIn: 0, bytesOut: 0 };
      this.#long.set(exchange, call);
    }
    const bytesIn = measuredBody(exchange.req);
    const bytesOut = bytesSent(exchange);
    if (bytesIn === call.bytesIn && bytesOut === call.bytesOut) return;
    call.path.touched = true;
    call.path.tally.bytesIn += bytesIn - call.bytesIn;
    call.path.tally.bytesOut += bytesOut - call.bytesOut;
    call.bytesIn = bytesIn;
    call.bytesOut = bytesOut;
  }

  #closed(socket: CountedSocket): void {
    const running = this.#sockets.get(socket);
    if (!running) return;
    this.#sockets.delete(socket);
    this.#owner.beforeCount();
    tellSocket(socket, running);
    const { path, openedAt } = running;
    path.touched = true;
    path.webSocketTimes ??= new LiveTimes();
    path.webSocketTimes.add(performance.now() - openedAt);
  }
}

function tellSocket({ bytesIn, bytesOut }: CountedSocket, running: RunningSocket): void {
  const { path } = running;
  if (bytesIn === running.bytesIn && bytesOut === running.bytesOut) return;
  path.touched = true;
  path.tally.webSocketBytesIn += bytesIn - running.bytesIn;
  path.tally.webSocketBytesOut += bytesOut - running.bytesOut;
  running.bytesIn = bytesIn;
  running.bytesOut = bytesOut;
}
