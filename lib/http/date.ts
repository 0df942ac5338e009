const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const SHORT_DAY = '(?:mon|tue|wed|thu|fri|sat|sun)';
const LONG_DAY = '(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)';
const MONTH = `(${MONTHS.join('|')})`;
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})';

// Letter case is ignored: senders get it wrong, and no two dates differ by it.
const IMF_FIXDATE = new RegExp(`^${SHORT_DAY}, (\\d{2}) ${MONTH} (\\d{4}) ${TIME} GMT$`, 'i');
const RFC_850 = new RegExp(`^${LONG_DAY}, (\\d{2})-${MONTH}-(\\d{2}) ${TIME} GMT$`, 'i');
const ASCTIME = new RegExp(`^${SHORT_DAY} ${MONTH} (\\d{2}| \\d) ${TIME} (\\d{4})$`, 'i');

/**
 * Epoch milliseconds of an HTTP date in one of its three formats (RFC 9110 §5.6.7); `undefined` for anything else.
 * `Date.parse` is no alternative: it accepts other zones, missing commas and two-digit years.
 */
export function parseHttpDate(text: string, now: number): number | undefined {
  const fixdate = IMF_FIXDATE.exec(text);
  if (fixdate) {
    const [, day, month, year, hour, minute, second] = fixdate;
    return epochMs(Number(year), month, day, hour, minute, second);
  }
  const rfc850 = RFC_850.exec(text);
  if (rfc850) {
    const [, day, month, year, hour, minute, second] = rfc850;
    return twoDigitYear(Number(year), now, (fullYear) => epochMs(fullYear, month, day, hour, minute, second));
  }
  const asctime = ASCTIME.exec(text);
  if (asctime) {
    const [, month, day, hour, minute, second, year] = asctime;
    return epochMs(Number(year), month, day, hour, minute, second);
  }
  return undefined;
}

function epochMs(
  year: number,
  month = '',
  day = '',
  hour = '',
  minute = '',
  second = '',
): number | undefined {
  const monthIndex = MONTHS.indexOf(month.toLowerCase());
  // A leap second is second 60 here, and second 0 of the next minute to Date.
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  // Every month has as many.
  if (year >= 100 && Number(day) >= 1 && Number(day) <= 28)
    return Date.UTC(year, monthIndex, Number(day), Number(hour), Number(minute), Number(second));
  const date = new Date(0);
  // Date.UTC maps the years 0 to 99 to 1900 to 1999.
  date.setUTCFullYear(year, monthIndex, Number(day));
  // A day beyond the end of the month ends up in another month.
  if (date.getUTCMonth() !== monthIndex) return undefined;
  return date.setUTCHours(Number(hour), Number(minute), Number(second));
}

/** A date more than 50 years ahead means the latest past year with those digits. */
function twoDigitYear(
  year: number,
  now: number,
  dateIn: (fullYear: number) => number | undefined,
): number | undefined {
  const limit = new Date(now);
  limit.setUTCFullYear(limit.getUTCFullYear() + 50);
  const century = Math.floor(limit.getUTCFullYear() / 100) * 100;
  const candidate = dateIn(century + year);
  return candidate !== undefined && candidate <= limit.getTime() ? candidate : dateIn(century - 100 + year);
}
