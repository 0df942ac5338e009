const STREAMS = new RegExp(
  [
    'text/event-stream',
    'application/(x-)?ndjson',
    'application/(x-)?jsonl(ines)?',
    'application/(x-)?json-seq',
    'application/stream\\+json',
    'application/json *;.*\\bstream=watch',
    'application/vnd\\.docker\\.(raw|multiplexed)-stream',
    'multipart/x-mixed-replace',
  ]
    .map((type) => `^ *${type}\\b`)
    .join('|'),
  'i',
);

/** Whether a `Content-Type` is that of a stream in which nothing may happen for long: of events, lines or pictures. */
export function isStreamType(contentType: string | undefined): boolean {
  return contentType !== undefined && STREAMS.test(contentType);
}
