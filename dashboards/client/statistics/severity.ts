/** From this share of failed calls on, figures are shown as bad: an occasional failure is normal. */
const BAD_RATIO = 0.01;

/** From this share on, an API is shown as an outage. */
const OUTAGE_RATIO = 0.05;

/** Whether this share of failed calls deserves a look. */
export const isBad = (failure: number, total: number): boolean => total > 0 && failure / total >= BAD_RATIO;

/** Whether this share of failed calls is an outage. */
export const isOutage = (failure: number, total: number): boolean =>
  total > 0 && failure / total >= OUTAGE_RATIO;
