/** Epoch milliseconds with fractions, on a clock that no correction moves; the same in all processes of a machine. */
export const now = (): number => performance.timeOrigin + performance.now();

/** Lets the load go on for so long: faults have a length. */
export const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
