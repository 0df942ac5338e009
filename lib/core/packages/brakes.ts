// @ts-expect-error brakes ships no types.
import loaded from 'brakes';

/** The class of brakes, which is loaded once there is a circuit. Its users declare what they use of it. */
export const brakes = (): unknown => loaded;
