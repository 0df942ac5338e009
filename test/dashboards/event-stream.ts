import { type CallOptions, open } from '../support/client.js';
import { until } from '../support/until.js';

/** One event of a stream. */
export interface StreamEvent {
  readonly name: string;
  readonly data: unknown;
  readonly id: string | undefined;
}

/** A stream of server-sent events that is read as it comes. */
export interface EventStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly events: readonly StreamEvent[];
  readonly ended: boolean;
  /** Waits until there are so many events of a name, and gives the last of them. */
  nth(name: string, count: number): Promise<unknown>;
  leave(): void;
}

/** Follows a stream. */
export async function follow(url: string, options: CallOptions = {}): Promise<EventStream> {
  const { req, res } = await open(url, options);
  const events: StreamEvent[] = [];
  const state = { ended: false };
  let text = '';
  res.setEncoding('utf8');
  res.on('data', (chunk: string) => {
    text += chunk;
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const [, id, name, data] = /^(?:id: (.*)\n)?event: (.*)\ndata: (.*)$/.exec(part) ?? [];
      if (name !== undefined && data !== undefined) events.push({ name, data: JSON.parse(data), id });
    }
  });
  res.on('close', () => {
    state.ended = true;
  });
  res.on('error', () => {});
  const ofName = (name: string) => events.filter((event) => event.name === name);
  return {
    status: res.statusCode ?? 0,
    headers: res.headers,
    events,
    get ended() {
      return state.ended;
    },
    async nth(name, count) {
      await until(() => ofName(name).length >= count, `event ${count} of ${name}`, 8000);
      return ofName(name)[count - 1]?.data;
    },
    leave: () => req.destroy(),
  };
}
