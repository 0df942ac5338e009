/** How many requests a proxy may have in how long. */
export interface RequestsPerProxy {
  /** Most requests. */
  limit: number;
  /** In any time of this length. */
  windowMs: number;
}

/** Times that there is room for at first: most proxies of a long list, or sessions, are used little. */
const FEW = 16;

/** Requests of one proxy within a sliding window: no window, wherever it begins, has more than the limit. */
export class RequestWindow {
  readonly options: Readonly<RequestsPerProxy>;
  /** When each of the last requests was sent, in a ring; as many as the limit, once there were that many in a window. */
  #times: Float64Array;
  #oldest = 0;

  constructor(options: Readonly<RequestsPerProxy>) {
    this.options = options;
    this.#times = new Float64Array(Math.min(FEW, options.limit)).fill(Number.NEGATIVE_INFINITY);
  }

  /** When another request may be sent. */
  get allowedAt(): number {
    if (this.#times.length < this.options.limit) return Number.NEGATIVE_INFINITY;
    return (this.#times[this.#oldest] ?? 0) + this.options.windowMs;
  }

  /** Takes over the requests of another. */
  resume(known: RequestWindow): void {
    for (const time of [...known.#times].sort((a, b) => a - b))
      if (time > Number.NEGATIVE_INFINITY) this.sent(time);
  }

  /** Forgets all of them. */
  reset(): void {
    this.#times.fill(Number.NEGATIVE_INFINITY);
  }

  sent(now: number): void {
    const { limit, windowMs } = this.options;
    if (this.#times.length < limit && (this.#times[this.#oldest] ?? 0) + windowMs > now) this.#grow(limit);
    this.#times[this.#oldest] = now;
    this.#oldest = (this.#oldest + 1) % this.#times.length;
  }

  /** Puts room in front of the oldest, so that the order of the others stays. */
  #grow(limit: number): void {
    const before = this.#times;
    const grown = new Float64Array(Math.min(limit, 2 * before.length)).fill(Number.NEGATIVE_INFINITY);
    grown.set(before.subarray(this.#oldest));
    grown.set(before.subarray(0, this.#oldest), before.length - this.#oldest);
    this.#times = grown;
    this.#oldest = before.length;
  }
}

/** A new one where the options limit requests. */
export function windowOf(options: {
  readonly requestsPerProxy?: Readonly<RequestsPerProxy> | undefined;
}): RequestWindow | undefined {
  return options.requestsPerProxy && new RequestWindow(options.requestsPerProxy);
}

/** The window of a proxy that stays under other options, with the requests of the one that it has. */
export function resumedWindow(
  own: RequestWindow | undefined,
  known: RequestWindow | undefined,
): RequestWindow | undefined {
  if (own && known) own.resume(known);
  return own;
}
