import type { MachineHandler } from '../core/machine.js';

/** The handlers of one process, by topic. */
export class Handlers {
  readonly #handlers = new Map<string, Set<MachineHandler>>();

  /** @returns removes it */
  add(topic: string, handler: MachineHandler): () => void {
    const known = this.#handlers.get(topic) ?? new Set();
    this.#handlers.set(topic, known);
    known.add(handler);
    return () => void known.delete(handler);
  }

  /** Runs the handlers of a topic. @returns the reply of the first; `undefined` if it fails or there is none */
  async run(topic: string, message: unknown, from: number): Promise<unknown> {
    const replies = [...(this.#handlers.get(topic) ?? [])].map((handler) => settled(handler, message, from));
    return replies[0];
  }
}

async function settled(handler: MachineHandler, message: unknown, from: number): Promise<unknown> {
  try {
    return await handler(message, from);
  } catch (error) {
    process.emitWarning(`A message between processes failed: ${error}`, { code: 'RESILIENT_PROXY_WORKERS' });
    return undefined;
  }
}
