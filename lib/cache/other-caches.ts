import type { Machine } from '../core/machine.js';
import type { PurgeTarget } from './store/store.js';

/** Removes stored values in this process alone. @returns how many */
export type RemoveHere = (target: PurgeTarget) => Promise<number>;

/** The caches of the same API in the other processes of a gateway. */
export interface OtherCaches {
  /** Removes values there. @returns how many */
  remove(target: PurgeTarget): Promise<number>;
  /** Removes here what is removed there. @returns ends it */
  listen(remove: RemoveHere): () => void;
}

export function otherCaches(machine: Machine, api: string): OtherCaches {
  const topic = `cache:purge:${api}`;
  if (!machine.primary)
    return {
      remove: async (target) => Number((await machine.ask(topic, target)) ?? 0),
      listen: (remove) => machine.handle(topic, (target) => remove(target as PurgeTarget)),
    };
  const all = async (target: PurgeTarget, except?: number) =>
    (await machine.askAll(topic, target, except)).reduce<number>((sum, count) => sum + Number(count), 0);
  return {
    remove: (target) => all(target),
    listen: (remove) =>
      machine.handle(topic, async (message, from) => {
        const target = message as PurgeTarget;
        const [here, there] = await Promise.all([remove(target), all(target, from)]);
        return here + there;
      }),
  };
}
