/** What a page tells the worker that holds the stream of all pages of this browser. */
export interface StreamRequest {
  /** Address of the stream. */
  readonly address: string;
  /** What the page follows, as the query that it would send itself; `undefined` if it leaves. */
  readonly query: string | undefined;
  /** Names of the events that it wants. */
  readonly names: readonly string[];
  /** Counts what the page has requested; news of what it no longer follows has an older one. */
  readonly turn: number;
}

/** What the worker tells a page. */
export type StreamNews = { readonly turn: number } & (
  | { readonly kind: 'event'; readonly name: string; readonly text: string }
  | { readonly kind: 'connecting' | 'failed' }
);

/** For each selection of a shared stream, in their order, the ids of its events; `null` where it is refused. */
export type Selections = readonly (readonly string[] | null)[];
