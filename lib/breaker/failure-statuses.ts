import * as z from 'zod';

/** A status, or a range of them: `502-504`. */
export type FailureStatus = number | string;

/** Every 5xx but 501, 505 and 511, which say that a request cannot be served, not that the target is ill. */
export const FAILURE_STATUSES: readonly FailureStatus[] = Object.freeze([
  500,
  '502-504',
  '506-510',
  '512-599',
]);

const RULE = 'must be a status from 400 to 599, or a range such as "502-504"';

const RANGE = /^([45]\d\d)-([45]\d\d)$/;

/** What `failureStatuses` may hold. */
export const failureStatuses = z
  .array(
    z.union(
      [
        z.number().int().min(400).max(599),
        z
          .string()
          .regex(RANGE, RULE)
          .refine((text) => text.slice(0, 3) <= text.slice(4), RULE),
      ],
      { error: RULE },
    ),
  )
  .readonly();

/** Whether a status is in the list. It is looked for each time: only a failing target pays for it. */
export function listsStatus(list: readonly FailureStatus[], status: number): boolean {
  return list.some((entry) => {
    if (typeof entry === 'number') return entry === status;
    const [, from, to] = RANGE.exec(entry) ?? [];
    return status >= Number(from) && status <= Number(to);
  });
}
