import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewaySettings } from '../config/schema.js';
import { ProxyError } from '../core/errors.js';
import { sendError } from '../core/send-error.js';
import type { RequestIds } from '../request-id/request-ids.js';
import type { OriginCheck } from './access.js';
import { type AdminSources, adminApp, healthApp } from './admin-app.js';
import { listening } from './listen.js';
import { ListenError, listenError } from './listen-error.js';
import { tellId } from './request-id.js';

export interface AdminSiteOptions {
  readonly sources: AdminSources;
  /** Where it listens by itself. */
  readonly place: GatewaySettings['admin'];
  /** Gives requests their ids. */
  readonly ids: RequestIds | undefined;
  /** The check of requests to that place. */
  origin(): OriginCheck | undefined;
}

/** Time for the last responses, such as figures that are being read. */
const FAREWELL_MS = 500;

/** The admin routes, beside the calls or on a listener of their own. */
export class AdminSite {
  readonly #options: AdminSiteOptions;
  readonly #server: Server | undefined;
  #all: ReturnType<typeof adminApp> | undefined;
  #health: ReturnType<typeof healthApp> | undefined;

  constructor(options: AdminSiteOptions) {
    this.#options = options;
    if (!options.place) return;
    this.#server = createServer((req, res) => this.#serve(req, res));
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
  }

  /** Responds on the listener of the calls. */
  handle(req: IncomingMessage, res: ServerResponse): void {
    const { sources, place, ids } = this.#options;
    if (place) {
      tellId(req, res, ids);
      this.#health ??= healthApp(sources);
      this.#health(req, res);
    } else this.#app(req, res);
  }

  /** Listens where it is to. @throws ListenError */
  async listen(): Promise<void> {
    const { place, sources } = this.#options;
    if (!place || !this.#server) return;
    try {
      const { url } = await listening(this.#server, place);
      this.#server.on('error', (err) =>
        sources.logger.error({ err }, 'the server of the admin routes failed'),
      );
      sources.logger.info({ url }, `admin routes and pages are at ${url}`);
    } catch (error) {
      const message = listenError(error, { ...place, option: 'server.admin.port' });
      throw new ListenError(message, { cause: error });
    }
  }

  /** Once the streams of pages have ended. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server?.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const stop = new AbortController();
    await Promise.race([closed, sleep(FAREWELL_MS, undefined, { signal: stop.signal }).catch(() => {})]);
    stop.abort();
    server.closeAllConnections();
    await closed;
  }

  #app(req: IncomingMessage, res: ServerResponse): void {
    tellId(req, res, this.#options.ids);
    this.#all ??= adminApp(this.#options.sources);
    this.#all(req, res);
  }

  #serve(req: IncomingMessage, res: ServerResponse): void {
    const { host, origin, 'sec-fetch-site': site } = req.headers;
    const reason = this.#options.origin()?.(host, typeof site === 'string' ? site : undefined, origin);
    if (reason === undefined) return this.#app(req, res);
    tellId(req, res, this.#options.ids);
    sendError(req, res, new ProxyError('ERR_FORBIDDEN', reason));
  }
}

/** An order or a question is short. */
const REQUEST_TIMEOUT_MS = 30_000;
