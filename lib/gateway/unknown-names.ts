import type { UpdateReport } from '../apis/live-apis.js';
import { nearestName } from '../core/options.js';
import { redactPath } from '../core/redact.js';
import { realTime, type Time } from '../core/time.js';
import type { Logger } from './logger.js';

/** A name that clients call, and that no API has. */
export interface UnknownName {
  readonly name: string;
  /** Calls, as long as no pause among them was too long. */
  readonly calls: number;
  /** Epoch milliseconds. */
  readonly lastAt: number;
  /** Who has called last. */
  readonly client: string | undefined;
  /** What became of the API, or which one is meant. */
  readonly hint: string;
}

/** Clients invent names: of more than these, those are forgotten that were called least. */
const MAX_NAMES = 20;
const MAX_LENGTH = 80;
/** A line about one name is repeated no sooner, and there are no more lines than these meanwhile. */
const QUIET_MS = 60_000;
const MAX_LINES = 10;
/** A name that was not called for so long is over. */
const OVER_AFTER_MS = 600_000;
const MAX_REMOVED = 200;

interface Called {
  calls: number;
  /** Of those the ones that no line has told of. */
  untold: number;
  lastAt: number;
  client: string | undefined;
  quietUntil: number;
}

/** Warns of calls for APIs that are not configured: of clients that use an old name, or a wrong one. */
export class UnknownNames {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #apis: ReadonlyMap<string, unknown>;
  readonly #time: Pick<Time, 'steady' | 'wall'>;
  readonly #called = new Map<string, Called>();
  /** By the name of an API that a reload has removed, when that was and what it has added. */
  readonly #removed = new Map<string, string>();
  /** The minute in which lines are counted. */
  #lines = { count: 0, until: Number.NEGATIVE_INFINITY };

  /**
   * @param apis those that are configured
   * @param time for tests
   */
  constructor(
    logger: Pick<Logger, 'warn'>,
    apis: ReadonlyMap<string, unknown>,
    time: Pick<Time, 'steady' | 'wall'> = realTime,
  ) {
    this.#logger = logger;
    this.#apis = apis;
    this.#time = time;
  }

  /** A reload has changed the APIs. */
  updated({ added, removed }: Pick<UpdateReport, 'added' | 'removed'>): void {
    const at = new Date(this.#time.wall()).toISOString();
    const others = added.length > 0 ? `, and added ${added.slice(0, 3).map(quoted).join(', ')}` : '';
    for (const name of removed) this.#removed.set(name, `: a reload has removed it at ${at}${others}`);
    for (const name of this.#removed.keys()) {
      if (this.#apis.has(name) || this.#removed.size > MAX_REMOVED) this.#removed.delete(name);
    }
  }

  /** Somebody has called one. @param path below `/api` */
  called(path: string, client: string | undefined): void {
    const name = nameIn(path);
    const now = this.#time.steady();
    const called = this.#called.get(name) ?? this.#begin(name);
    called.calls++;
    called.untold++;
    called.lastAt = this.#time.wall();
    called.client = client;
    if (now >= this.#lines.until) this.#lines = { count: 0, until: now + QUIET_MS };
    if (now < called.quietUntil || this.#lines.count >= MAX_LINES) return;
    this.#lines.count++;
    called.quietUntil = now + QUIET_MS;
    const { untold } = called;
    called.untold = 0;
    this.#logger.warn({ api: name, calls: untold, client }, calledText(name, this.#hint(name)));
  }

  /** Those that were called lately. */
  list(): UnknownName[] {
    const since = this.#time.wall() - OVER_AFTER_MS;
    for (const [name, { lastAt }] of this.#called)
      if (lastAt < since || this.#apis.has(name)) this.#called.delete(name);
    return [...this.#called].map(([name, { calls, lastAt, client }]) => ({
      ...{ name, calls, lastAt, client },
      hint: this.#hint(name),
    }));
  }

  #begin(name: string): Called {
    if (this.#called.size >= MAX_NAMES) this.#forgetOne();
    const called = {
      calls: 0,
      untold: 0,
      lastAt: 0,
      client: undefined,
      quietUntil: Number.NEGATIVE_INFINITY,
    };
    this.#called.set(name, called);
    return called;
  }

  #forgetOne(): void {
    const [least] = [...this.#called].sort(([, a], [, b]) => a.calls - b.calls || a.lastAt - b.lastAt);
    if (least) this.#called.delete(least[0]);
  }

  #hint(name: string): string {
    if (name === '') return '';
    const removed = this.#removed.get(name);
    if (removed !== undefined) return removed;
    const meant = nearestName(name, [...this.#apis.keys()]);
    return meant === undefined ? '' : ` (did you mean ${quoted(meant)}?)`;
  }
}

/** Who calls what, as a sentence. */
export function unknownText({ name, calls, lastAt, client, hint }: UnknownName): string {
  const from = client === undefined ? '' : ` from ${client}`;
  const often = `${calls} ${calls === 1 ? 'call' : 'calls'}, the last at ${new Date(lastAt).toISOString()}${from}`;
  return `${calledText(name, hint)}; ${often}`;
}

const calledText = (name: string, hint: string): string =>
  name === ''
    ? 'a path without the name of an API is called: /api/ alone, or with two slashes behind it'
    : `${quoted(name)} is called, and no API has this name${hint}`;

/** The first segment of a path: it may be anything, a secret too. Of `//weather` it is empty, and names nothing. */
function nameIn(url: string): string {
  const [, segment = ''] = /^\/?([^/?#]*)/.exec(url) ?? [];
  return redactPath(`/${segment}`).slice(1, MAX_LENGTH + 1);
}

const quoted = (text: string) => JSON.stringify(text);
