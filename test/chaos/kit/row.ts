/** A limit, and what was measured. */
export interface Check {
  readonly mustShow: string;
  readonly measured: string;
  readonly ok: boolean;
  /** A limit of time: on a busy machine a miss alone is measured again. */
  readonly isTime: boolean;
}

/** What rows are measured in. Rows that name the same one share what it starts. */
export type Scene<T> = () => Promise<T>;

/** A row of the table. */
export interface Row {
  /** What goes wrong. */
  readonly fault: string;
  readonly scene: Scene<unknown>;
  /** How long measuring may take. @default 180000 */
  readonly withinMs?: number;
  /** @param started what the scene has started */
  measure(started: unknown): Promise<readonly Check[]>;
}

/** A row that is measured in a scene. */
export function row<T>(
  fault: string,
  scene: Scene<T>,
  measure: (started: T) => Promise<readonly Check[]>,
): Row {
  // The runner hands over what this very scene has started.
  return { fault, scene, measure: (started) => measure(started as T) };
}

/** A limit that holds on any machine: counts. */
export function hard(mustShow: string, measured: string | number, ok: boolean): Check {
  return { mustShow, measured: `${measured}`, ok, isTime: false };
}

/** A limit of time. */
export function timed(mustShow: string, measured: string | number, ok: boolean): Check {
  return { mustShow, measured: `${measured}`, ok, isTime: true };
}

/** A time with its unit. */
export const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
