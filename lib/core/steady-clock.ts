/** Epoch milliseconds that never go back. */
export type Clock = () => number;

/** Epoch milliseconds of the start plus steady time since: no correction of the wall clock moves it. */
export const steadyClock: Clock = () => performance.timeOrigin + performance.now();
