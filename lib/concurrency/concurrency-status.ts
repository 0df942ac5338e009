/** State of one limit of requests in flight. */
export interface ConcurrencyStatus {
  /** The key, the digest of the credential or the egress proxy that it is for; empty for the whole API. */
  readonly of: string;
  /** Most requests at once; of all processes where they share it. */
  readonly limit: number;
  readonly adaptive: boolean;
  /** Requests of this process. */
  readonly inFlight: number;
  /** Calls of this process that wait. */
  readonly waiting: number;
}
