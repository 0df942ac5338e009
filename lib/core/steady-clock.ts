/** Epoch milliseconds that never go back. */
export type Clock = () => number;

/** Epoch milliseconds of the process start plus steady time since: corrections of the wall clock do not affect it. */
export const steadyClock: Clock = () => performance.timeOrigin + performance.now();
