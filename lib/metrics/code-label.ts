import { STATUS_CODES } from 'node:http';

/** Last of the {@link CODE_LABELS}: the client left before the headers of a response. */
export const ABORTED = 'aborted';

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];

/**
 * Every value of the label `code`. A status that is not registered counts as its class, so that a target with invented
 * statuses cannot grow the page.
 */
export const CODE_LABELS: readonly string[] = [
  ...Object.keys(STATUS_CODES).filter((code) => /^[1-5]\d\d$/.test(code)),
  ...CLASSES,
  'other',
  ABORTED,
];

/** Index of {@link ABORTED} in {@link CODE_LABELS}. */
export const ABORTED_COLUMN = CODE_LABELS.length - 1;

const OTHER_COLUMN = CODE_LABELS.length - 2;

const COLUMN_OF = Uint8Array.from({ length: 600 }, (_, status) => {
  const known = CODE_LABELS.indexOf(String(status));
  const column = known >= 0 ? known : CODE_LABELS.indexOf(`${Math.floor(status / 100)}xx`);
  return column >= 0 ? column : OTHER_COLUMN;
});

/** Index of a status in {@link CODE_LABELS}. */
export function codeColumn(status: number): number {
  return COLUMN_OF[status] ?? OTHER_COLUMN;
}
