import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { until } from '../../support/until.js';
import type { ScriptedUpstream } from './scripted-upstream.js';

/** The subjects that are compared. */
export type Subject = 'plain' | 'node' | 'undici' | 'auto' | 'plugin';

export type Listeners = NonNullable<ForwardOptions['on']>;

/** The environment of a running case. */
export class World {
  readonly subject: Subject;
  readonly upstreams: Readonly<Record<string, ScriptedUpstream>>;
  /** What listeners and hooks recorded, in order. */
  readonly calls: string[] = [];
  /** Port of the server in front of what is tested; 0 until it listens. */
  port = 0;
  readonly #seen = new WeakSet<object>();

  constructor(subject: Subject, upstreams: Readonly<Record<string, ScriptedUpstream>>) {
    this.subject = subject;
    this.upstreams = upstreams;
  }

  /** URL of the upstream that most cases have. */
  get url(): string {
    return this.at('main').url;
  }

  at(name: string): ScriptedUpstream {
    const upstream = this.upstreams[name];
    if (!upstream) throw new Error(`The case starts no upstream ${name}`);
    return upstream;
  }

  note(line: string): void {
    this.calls.push(line);
  }

  /** Waits for something that must happen. */
  until(condition: () => boolean, what: string): Promise<void> {
    return until(condition, what);
  }

  /** Remembers the client's own request and response, to tell them from copies. */
  entered(req: IncomingMessage, res: ServerResponse): void {
    this.#seen.add(req).add(res);
  }

  /** Listeners that record each event with its key facts, called before those of the case. */
  listeners(more: Listeners = {}, names: readonly (keyof Listeners)[] = ALL_EVENTS): Listeners {
    const all: Listeners = {
      start: (req, res, target) => {
        this.note(`start ${urlText(target)}${this.#whose(req, res)}`);
        return more.start?.(req, res, target);
      },
      proxyReq: (proxyReq: ClientRequest, req, res, options) => {
        const target = urlText(options.target);
        this.note(`proxyReq ${proxyReq.method} ${proxyReq.path} to ${target}${this.#whose(req, res)}`);
        return more.proxyReq?.(proxyReq, req, res, options);
      },
      proxyRes: (proxyRes, req, res) => {
        this.note(`proxyRes ${proxyRes.statusCode} ${proxyRes.statusMessage}${this.#whose(req, res)}`);
        return more.proxyRes?.(proxyRes, req, res);
      },
      end: (req, res, proxyRes) => {
        this.note(`end ${proxyRes.statusCode}${this.#whose(req, res)}`);
        return more.end?.(req, res, proxyRes);
      },
      error: (error, req, res, target) => {
        this.note(`error ${codeOf(error)} at ${urlText(target)}${this.#whose(req, res)}`);
        return more.error?.(error, req, res, target);
      },
      econnreset: (error, req, res, target) => {
        this.note(`econnreset ${codeOf(error)} at ${urlText(target)}${this.#whose(req, res)}`);
        return more.econnreset?.(error, req, res, target);
      },
      proxyReqWs: (proxyReq: ClientRequest, req, socket, options, head) => {
        this.note(`proxyReqWs ${proxyReq.method} ${proxyReq.path} to ${urlText(options.target)}`);
        return more.proxyReqWs?.(proxyReq, req, socket, options, head);
      },
      open: (proxySocket: Socket) => {
        this.note('open');
        return more.open?.(proxySocket);
      },
      close: (proxyRes, proxySocket, head) => {
        this.note(`close ${proxyRes.statusCode}`);
        return more.close?.(proxyRes, proxySocket, head);
      },
    };
    return Object.fromEntries(names.map((name) => [name, all[name]]));
  }

  #whose(req: unknown, res: unknown): string {
    const own = (one: unknown) => typeof one === 'object' && one !== null && this.#seen.has(one);
    return own(req) && own(res)
      ? ''
      : ` (req ${own(req) ? 'own' : typeof req}, res ${own(res) ? 'own' : typeof res})`;
  }
}

export const ALL_EVENTS: readonly (keyof Listeners)[] = [
  'start',
  'proxyReq',
  'proxyRes',
  'end',
  'error',
  'econnreset',
  'proxyReqWs',
  'open',
  'close',
];

/** Events that the undici transport supports. */
export const PLAIN_EVENTS: readonly (keyof Listeners)[] = ['start', 'error'];

/** A target as listeners get it: a string, a URL or an object. */
function urlText(target: unknown): string {
  if (target === undefined) return 'nothing';
  if (target instanceof URL) return target.href;
  return typeof target === 'string' ? target : JSON.stringify(target);
}

/** An error by its code, or by its message if it has none. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message;
}
