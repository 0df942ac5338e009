import type { Machine } from '../core/machine.js';
import type { SharedState } from '../core/part.js';
import { type Clock, steadyClock } from '../core/steady-clock.js';
import type { Lease, ShareBook } from './fleet-share.js';

const LEASE = 'in-flight:lease';
const BACK = 'in-flight:back';

/** Parts of limits that the processes of one machine share, in the memory of the primary. */
export class MachineShares implements ShareBook, SharedState {
  readonly #machine: Machine;
  readonly #stops: (() => void)[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
    if (!machine.primary) return;
    const table = new ShareTable();
    this.#stops = [
      machine.handle(LEASE, (message) => table.lease(...(message as [string, Lease]))),
      machine.handle(BACK, (message) => table.giveBack(...(message as [string, string]))),
    ];
  }

  lease(...args: [string, Lease]): Promise<number | undefined> {
    return this.#machine.ask(LEASE, args) as Promise<number | undefined>;
  }

  giveBack(...args: [string, string]): void {
    this.#machine.tell(BACK, args);
  }

  onRecovered(): void {}

  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
  }
}

interface Part {
  readonly granted: number;
  readonly wanted: number;
  readonly until: number;
}

/** Deals out limits as the script in Redis does: while another has less than it wants, none gets more than its fair share. */
export class ShareTable {
  readonly #clock: Clock;
  readonly #limits = new Map<string, Map<string, Part>>();

  /** @param clock for tests */
  constructor(clock: Clock = steadyClock) {
    this.#clock = clock;
  }

  lease(key: string, { member, floor, want, limit, leaseMs }: Lease): number {
    const now = this.#clock();
    const parts = this.#limits.get(key) ?? new Map<string, Part>();
    this.#limits.set(key, parts);
    for (const [name, { until }] of parts) if (until <= now) parts.delete(name);
    const others = [...parts].filter(([name]) => name !== member);
    const taken = others.reduce((sum, [, { granted }]) => sum + granted, 0);
    const hungry = others.some(([, { granted, wanted }]) => wanted > granted);
    const wishes: [name: string, wanted: number][] = others.map(([name, { wanted }]) => [name, wanted]);
    const most = hungry ? fairShare([...wishes, [member, want]], member, limit, now / leaseMs) : want;
    const granted = Math.min(Math.max(0, Math.min(want, limit - taken)), most);
    const held = Math.max(granted, floor);
    if (held === 0 && want === 0) this.giveBack(key, member);
    else parts.set(member, { granted: held, wanted: want, until: now + leaseMs });
    return granted;
  }

  giveBack(key: string, member: string): void {
    const parts = this.#limits.get(key);
    parts?.delete(member);
    if (parts?.size === 0) this.#limits.delete(key);
  }
}

/** The limit is dealt out to all who want some, the modest first; where there are more of them than places, they take turns. */
function fairShare(
  all: readonly (readonly [name: string, wanted: number])[],
  member: string,
  limit: number,
  turn: number,
): number {
  const wishes = all.filter(([, wanted]) => wanted > 0);
  if (limit < wishes.length) {
    const at = wishes
      .map(([name]) => name)
      .sort()
      .indexOf(member);
    return (at + 1 + Math.floor(turn)) % wishes.length < limit ? 1 : 0;
  }
  const own = all.find(([name]) => name === member)?.[1] ?? 0;
  let left = limit;
  let share = 0;
  for (const [at, wanted] of wishes
    .map(([, wanted]) => wanted)
    .sort((a, b) => a - b)
    .entries()) {
    if (wanted > own) break;
    share = Math.min(wanted, Math.floor(left / (wishes.length - at)));
    left -= share;
  }
  return share;
}
