import type { ServerResponse } from 'node:http';

/** How far a reader may be behind, besides what it had to catch up with. */
const SLACK_BYTES = 64 * 1024;

interface Droppable {
  /** Breaks the client's response off, and nothing else. */
  dropClient(): void;
}

/** How long one reader that is behind may hold up others that are not. */
const PATIENCE_MS = 3000;

/**
 * The pace of one response with several readers, of which nothing is kept: what one of them does not read piles up. It
 * waits for those that are behind. One that has not caught up in a while, though others have, is dropped: a client
 * that has stopped reading must not stop those which happen to have made the same request.
 */
export class SharedPace {
  readonly #leader: ServerResponse;
  readonly #allowedBytes: number;
  readonly #client: Droppable;
  #behind: readonly ServerResponse[] = NOBODY;
  #others: readonly ServerResponse[] = NOBODY;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param leader the response that is written; it emits `drain` when all have caught up
   * @param keptBytes what may have been kept for a reader that comes late
   * @param client that of the leader
   */
  constructor(leader: ServerResponse, keptBytes: number, client: Droppable) {
    this.#leader = leader;
    this.#allowedBytes = keptBytes + SLACK_BYTES;
    this.#client = client;
  }

  /** Whether more may be written at once. */
  allows(followers: readonly ServerResponse[]): boolean {
    const readers = [this.#leader, ...followers].filter(({ destroyed }) => !destroyed);
    const behind = readers.filter((reader) => this.#isBehind(reader));
    if (behind.length === 0) return true;
    this.#others = readers;
    this.#unlisten();
    for (const reader of behind) reader.on('drain', this.#look).on('close', this.#look);
    this.#behind = behind;
    this.#timer ??= setTimeout(this.#giveUp, PATIENCE_MS).unref();
    return false;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unlisten();
    this.#behind = NOBODY;
    this.#others = NOBODY;
  }

  #isBehind({ destroyed, writableLength }: ServerResponse): boolean {
    return !destroyed && writableLength > this.#allowedBytes;
  }

  readonly #look = (): void => {
    if (this.#behind.length === 0 || this.#behind.some((reader) => this.#isBehind(reader))) return;
    this.close();
    this.#leader.emit('drain');
  };

  readonly #giveUp = (): void => {
    this.#timer = undefined;
    const behind = this.#behind.filter((reader) => this.#isBehind(reader));
    // They hold up nobody but themselves.
    if (this.#others.every((reader) => reader.destroyed || behind.includes(reader))) {
      this.#timer = setTimeout(this.#giveUp, PATIENCE_MS).unref();
      return;
    }
    for (const reader of behind) {
      if (reader === this.#leader) this.#client.dropClient();
      else reader.destroy();
    }
    this.#look();
  };

  #unlisten(): void {
    for (const reader of this.#behind) reader.off('drain', this.#look).off('close', this.#look);
  }
}

const NOBODY: readonly ServerResponse[] = [];
