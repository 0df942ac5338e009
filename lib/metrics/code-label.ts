/** Last of the {@link CODE_LABELS}: the client left before the headers of a response. */
export const ABORTED = 'aborted';

/**
 * First and last of each row of registered statuses. Not `STATUS_CODES` of Node: other packages of a process add theirs to
 * it, as proxy-chain does, so that what counts as registered would depend on who was loaded first.
 */
const REGISTERED = [
  ...[
    [100, 103],
    [200, 208],
    [226, 226],
    [300, 305],
    [307, 308],
  ],
  ...[
    [400, 418],
    [421, 426],
    [428, 429],
    [431, 431],
    [451, 451],
    [500, 511],
  ],
] as const;

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];

/**
 * Every value of the label `code`. A status that is not registered counts as its class, so that a target with invented
 * statuses cannot grow the page.
 */
export const CODE_LABELS: readonly string[] = [
  ...REGISTERED.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => String(first + i)),
  ),
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
