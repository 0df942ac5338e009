import type { IncomingMessage } from 'node:http';
import type { ProxyError } from '../core/errors.js';
import { urlBelow } from '../core/mount.js';
import { acceptedProtocol, WEBSOCKET } from '../websocket/protocols.js';
import type { LiveApi } from './live-api.js';
import { pickApi } from './pick-api.js';
import { notBelowMount, unknownApi, unknownApiBriefly } from './unknown-api.js';

/** Settings of an {@link Entrance}. */
export interface EntranceSettings {
  /** The option `mount`; empty without it. */
  readonly mount: string;
  /** Clients are not told which APIs there are. */
  readonly discreet: boolean;
}

/** Finds the API that a request is for. */
export class Entrance {
  /** The API of a proxy that has one alone: no path has to name it. */
  only: LiveApi | undefined;
  /** Path that is removed before the API is looked for. */
  readonly mount: string;
  readonly #apis: ReadonlyMap<string, LiveApi>;
  readonly #discreet: boolean;

  constructor(apis: ReadonlyMap<string, LiveApi>, { mount, discreet }: EntranceSettings) {
    this.#apis = apis;
    this.mount = mount;
    this.#discreet = discreet;
  }

  /** Removes the mount path. @returns `false` for a request that is not below it */
  enter(req: IncomingMessage): boolean {
    if (this.mount === '') return true;
    const url = urlBelow(req, this.mount);
    if (url !== undefined) req.url = url;
    return url !== undefined;
  }

  /** The API that the path names, which is removed from it; or the error to respond with if there is none. */
  apiOf(req: IncomingMessage): LiveApi | ProxyError {
    const api = this.only ?? pickApi(this.#apis, req);
    return api ?? (this.#discreet ? unknownApiBriefly(req) : unknownApi(req, this.#apis, this.mount));
  }

  /** What the API's own name and the mount path have taken from the path. */
  removedFor(api: LiveApi): string {
    return this.only ? this.mount : `${this.mount}/${api.name}`;
  }

  /** The error for a request that is not below the mount path. */
  notBelow(): ProxyError {
    return notBelowMount(this.mount, this.only ? undefined : this.#apis);
  }

  /** Whether the API takes an upgrade to this protocol. WebSockets of an unknown API are taken to be refused. */
  takes(req: IncomingMessage): boolean {
    const { url = '/' } = req;
    const { upgrades = [WEBSOCKET] } = this.only ?? pickApi(this.#apis, req) ?? {};
    req.url = url;
    return acceptedProtocol(req, upgrades) !== undefined;
  }
}
