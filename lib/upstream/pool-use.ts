/** Connections to targets, and who waits for one. */
export interface PoolUse {
  /** Connections that carry a request. */
  readonly busy: number;
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
}

/** No connections, or the sum of both. */
export function sumOfUse(a: PoolUse | undefined, b: PoolUse | undefined): PoolUse {
  return {
    busy: (a?.busy ?? 0) + (b?.busy ?? 0),
    idle: (a?.idle ?? 0) + (b?.idle ?? 0),
    waiting: (a?.waiting ?? 0) + (b?.waiting ?? 0),
  };
}
