import type { HeldBody, ResponseHead } from '../core/attempt.js';
import { BodyPace } from '../core/body-pace.js';
import { shuttingDown } from '../core/errors.js';
import { requestTimeout } from '../core/read-ahead.js';
import { lookAgainInMs, type PhaseLimits } from './attempt-clock.js';
import type { Deadline, DeadlineWheel } from './deadline-wheel.js';
import type { ArrivingBody } from './request/body-rules.js';
import type { AttemptListener, Plan, Sending, Transport } from './transport.js';

/** The uploads of one target by one way. */
interface Lane {
  taken: number;
  readonly waiting: WaitingUploads;
}

/**
 * Bounds how many connections are held by requests whose bodies are still on their way from their clients: at most half.
 * The others are for requests that are here in full. Otherwise slow clients, as many as there are connections, would
 * keep all others from the target. What finds no place is read ahead, as far as Node buffers it; it goes as soon as it is
 * complete, and those of which much has arrived come before the others.
 */
export class UploadPlaces {
  readonly #most: number;
  readonly #limits: PhaseLimits;
  readonly #wheel: DeadlineWheel;
  readonly #lanes = new Map<string, Lane>();

  /** @param connections to one target */
  constructor(connections: number, limits: PhaseLimits, wheel: DeadlineWheel) {
    this.#most = Math.ceil(connections / 2);
    this.#limits = limits;
    this.#wheel = wheel;
  }

  /** Sends it when it has a place or its body is complete. */
  send(plan: Plan, body: ArrivingBody, listener: AttemptListener, transport: Transport): Sending {
    const { target, egress } = plan;
    const key = egress ? `${target.origin} ${egress.name}` : target.origin;
    const lane = this.#lanes.get(key) ?? { taken: 0, waiting: new WaitingUploads() };
    this.#lanes.set(key, lane);
    const lookMs = lookAgainInMs(this.#limits.uploadMs);
    const upload = new PlacedUpload(listener, lookMs, () => this.#left(key, lane));
    const start = (): Sending => transport(plan, upload);
    if (lane.taken < this.#most) {
      lane.taken++;
      upload.start(start);
    } else {
      body.pace ??= this.#pace();
      if (body.pace) this.#wheel.watch(upload);
      const arrived = (): void => lane.waiting.place(upload);
      const end = (): void => {
        lane.waiting.delete(upload);
        this.#wheel.forget(upload);
      };
      upload.wait(body, { start, arrived, end });
      arrived();
    }
    return upload;
  }

  /** `undefined` where its client may take any time. */
  #pace(): BodyPace | undefined {
    const { minBodyRate, uploadMs } = this.#limits;
    const isLimited = minBodyRate > 0 || uploadMs < Number.POSITIVE_INFINITY;
    return isLimited ? new BodyPace(minBodyRate, uploadMs) : undefined;
  }

  #left(key: string, lane: Lane): void {
    lane.taken--;
    const next = lane.waiting.first();
    if (next) {
      lane.taken++;
      next.goOn();
    } else if (lane.taken === 0) this.#lanes.delete(key);
  }

  /** What waits is not sent any more. */
  close(): void {
    for (const { waiting } of this.#lanes.values())
      for (const upload of waiting.all()) upload.stop(shuttingDown());
  }
}

/**
 * Those that wait, by how much of them has arrived, to a factor of two: of whoever is slow on purpose it is the least, and
 * none is looked for among thousands.
 */
class WaitingUploads {
  /** By the bits of the number of bytes. */
  readonly #ranks: (Set<PlacedUpload> | undefined)[] = [];

  /** Puts it where it belongs, also when more of it has arrived. */
  place(upload: PlacedUpload): void {
    const rank = 32 - Math.clz32(Math.min(upload.bytes, 0xffff_ffff));
    if (rank === upload.rank) return;
    this.delete(upload);
    upload.rank = rank;
    this.#ranks[rank] ??= new Set();
    this.#ranks[rank].add(upload);
  }

  delete(upload: PlacedUpload): void {
    this.#ranks[upload.rank]?.delete(upload);
  }

  /** One of which the most has arrived, and of those the one that waits longest. */
  first(): PlacedUpload | undefined {
    return this.#ranks
      .findLast((uploads) => uploads && uploads.size > 0)
      ?.values()
      .next().value;
  }

  all(): PlacedUpload[] {
    return this.#ranks.flatMap((uploads) => [...(uploads ?? [])]);
  }
}

/** What an upload that waits for a place needs to begin. */
interface Wait {
  readonly body: ArrivingBody;
  readonly start: () => Sending;
  readonly end: () => void;
}

/** What becomes of an upload that waits. */
interface WaitEvents {
  readonly start: () => Sending;
  /** More of its body has arrived. */
  arrived(): void;
  /** Called once, when it waits no more. */
  end(): void;
}

/** An attempt that holds a place while its body is on its way, or waits for one. */
class PlacedUpload implements AttemptListener, Sending, Deadline {
  slot = -1;
  /** Where it is among those that wait; theirs alone. */
  rank = -1;
  readonly #listener: AttemptListener;
  readonly #lookMs: number;
  readonly #left: () => void;
  #holds = false;
  #wait: Wait | undefined;
  #sending: Sending | undefined;
  #cancelled = false;

  constructor(listener: AttemptListener, lookMs: number, left: () => void) {
    this.#listener = listener;
    this.#lookMs = lookMs;
    this.#left = left;
  }

  /** It has a place. */
  start(send: () => Sending): void {
    this.#holds = true;
    this.#sending = send();
  }

  /** So many have arrived while it waited. */
  get bytes(): number {
    return this.#wait?.body.bytes ?? 0;
  }

  wait(body: ArrivingBody, { start, arrived, end: ended }: WaitEvents): void {
    const stopListening = body.onArrival(() => {
      if (body.isComplete) this.#begin();
      else arrived();
    });
    const end = (): void => {
      stopListening();
      body.pace?.pause();
      ended();
    };
    this.#wait = { body, start, end };
  }

  dueInMs(now: number): number {
    const { body } = this.#wait ?? {};
    // The client of one with a full buffer waits for us.
    const isLate = body?.pace && body.pace.leftMs(now, body.bytes, !body.isFull) <= 0 && !body.isFull;
    return isLate ? 0 : this.#lookMs;
  }

  expire(): void {
    this.stop(requestTimeout());
  }

  /** It has got a place. */
  goOn(): void {
    this.#holds = true;
    this.#begin();
  }

  #begin(): void {
    const wait = this.#wait;
    if (!wait) return;
    this.#wait = undefined;
    wait.end();
    // A stream has forgotten a listener that was taken off behind the present turn.
    process.nextTick(() => {
      if (this.#cancelled) return;
      const sending = wait.start();
      if (this.#cancelled) sending.cancel();
      else this.#sending = sending;
    });
  }

  #over(): void {
    this.#wait?.end();
    this.#wait = undefined;
    if (!this.#holds) return;
    this.#holds = false;
    this.#left();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#sending?.cancel();
    this.#over();
  }

  stop(reason: Error): void {
    if (this.#sending) return this.#sending.stop(reason);
    this.#cancelled = true;
    this.failed(reason);
  }

  get received(): number {
    return this.#sending?.received ?? 0;
  }

  connecting(): void {
    this.#listener.connecting();
  }

  connected(): void {
    this.#listener.connected();
  }

  sent(): void {
    this.#listener.sent();
    this.#over();
  }

  heldUp(isHeld: boolean): void {
    this.#listener.heldUp(isHeld);
  }

  wantsBody(head: ResponseHead): boolean {
    return this.#listener.wantsBody(head);
  }

  head(head: ResponseHead, body?: HeldBody): boolean {
    const accepted = this.#listener.head(head, body);
    // The transport calls nothing more.
    if (!accepted) this.#over();
    return accepted;
  }

  finished(): void {
    this.#over();
    this.#listener.finished();
  }

  failed(error: unknown, usedConnection?: boolean): void {
    this.#over();
    this.#listener.failed(error, usedConnection);
  }
}
