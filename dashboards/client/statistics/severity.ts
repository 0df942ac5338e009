/** From this share of failed calls on, figures are shown as bad: a call that fails now and then is no news. */
const BAD_RATIO = 0.01;

/** From this share on, an API is an outage in the making. */
const OUTAGE_RATIO = 0.05;

/** Whether so many failed calls of so many are worth a look. */
export const isBad = (failure: number, total: number): boolean => total > 0 && failure / total >= BAD_RATIO;

/** Whether so many failed calls of so many are worth getting up for. */
export const isOutage = (failure: number, total: number): boolean =>
  total > 0 && failure / total >= OUTAGE_RATIO;
