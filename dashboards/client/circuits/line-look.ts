import type { IconName } from '../shared/icon.js';

type Tone = 'good' | 'warning' | 'bad';

/** Content of a line: its state, its name and its figures. */
export interface LineLook {
  readonly key: string;
  readonly name: string;
  readonly below: string;
  readonly state: string;
  readonly icon: IconName;
  readonly tone: Tone;
  readonly facts: string;
  /** Counted down after the facts; `undefined` without a countdown. */
  readonly leftMs: number | undefined;
}

/** Facts on a line, which breaks only between two of them. */
export function joined(facts: readonly (string | false | undefined)[]): string {
  const kept = facts.filter((fact) => fact !== undefined && fact !== false && fact !== '');
  return kept.map((fact) => String(fact).replaceAll(' ', '\u00a0')).join(' · ');
}
