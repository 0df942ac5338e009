/** Epoch milliseconds that never go back. */
export type Clock = () => number;

// It never changes, and to read it costs more than the rest of a look-up in a cache.
const { timeOrigin } = performance;

/** Epoch milliseconds of the process start plus steady time since: corrections of the wall clock do not affect it. */
export const steadyClock: Clock = () => timeOrigin + performance.now();
