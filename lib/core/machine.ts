/** Handles what another process sends. @param from the worker, or 0 for the primary */
export type MachineHandler = (message: unknown, from: number) => unknown;

/**
 * What the processes of one gateway share without Redis: each worker talks to the primary, which started it and holds
 * what all of them share. What is sent has to be plain data or bytes.
 */
export interface Machine {
  /** Whether this process is the primary. */
  readonly primary: boolean;
  /** Asks the primary; `undefined` if it is gone or has no handler. In the primary itself the handler runs at once. */
  ask(topic: string, message?: unknown): Promise<unknown>;
  /** The same, when nobody waits for a reply. */
  tell(topic: string, message?: unknown): void;
  /**
   * Asks every worker at once; for the primary.
   * @param except a worker that need not be asked
   * @returns the replies of those that are still there, and replied in time
   */
  askAll(topic: string, message?: unknown, except?: number): Promise<unknown[]>;
  /**
   * Handles a topic, beside the handlers that it has already; the reply is that of the first one.
   * @returns removes the handler
   */
  handle(topic: string, handler: MachineHandler): () => void;
  /** Tells every worker, and the handlers of the primary itself; for the primary. */
  tellAll(topic: string, message?: unknown): void;
  /** Calls back in the primary for each worker that has ended. */
  onGone(listener: (worker: number) => void): void;
}
