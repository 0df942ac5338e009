import { invalidOption } from '../core/errors.js';
import { without } from '../core/options.js';
import type { ForwardFacts, Part, SharedState } from '../core/part.js';
import { openRotation, type ProxyRotateHandler } from './proxy-rotate.js';
import {
  type ProxyRotateOptions,
  proxyRotateFileShape,
  proxyRotateSchema,
  resolveProxyRotate,
} from './proxy-rotate-options.js';
import type { Rotation } from './rotation.js';

/** The block `proxyRotate` of an API, whose name is the rotation's. */
type ProxyRotateBlock = Omit<ProxyRotateOptions, 'name'>;

/** The rotation of each API. The one after an update learns from the one before it what is known of the proxies that stay. */
class Rotations implements SharedState {
  #of = new Map<string, Rotation>();
  /** Those that an update takes out, until it has taken place. */
  #leaving = new Map<string, Rotation>();

  change<T>(run: () => T): T {
    const before = new Map(this.#of);
    try {
      const result = run();
      for (const [api, known] of this.#leaving) this.#of.get(api)?.resume(known);
      return result;
    } catch (error) {
      this.#of = before;
      throw error;
    } finally {
      this.#leaving.clear();
    }
  }

  open(options: ProxyRotateOptions & { readonly name: string }): ProxyRotateHandler {
    const { name } = options;
    const { handler, rotation } = openRotation(options, undefined, this.#leaving.get(name));
    this.#of.set(name, rotation);
    return handler;
  }

  leave(api: string): void {
    const rotation = this.#of.get(api);
    this.#of.delete(api);
    if (rotation) this.#leaving.set(api, rotation);
  }
}

export const proxyRotatePart: Part<'proxyRotate', ProxyRotateBlock, ProxyRotateHandler, Rotations> = {
  name: 'proxyRotate',
  options: {
    schema: without(proxyRotateSchema, ['name']),
    file: proxyRotateFileShape,
    preset: false,
    check(options, place, { forward: { agent, target, forward: copy }, at }) {
      resolveProxyRotate(options, place);
      if (copy) throw invalidOption(at('forward'), 'cannot go with proxyRotate: copies go direct', copy);
      if (agent) throw invalidOption(at('agent'), 'cannot go with proxyRotate, which has its own', agent);
      if (typeof target === 'object' && target !== null && 'socketPath' in target)
        throw invalidOption(at('target.socketPath'), 'cannot go with proxyRotate', target.socketPath);
    },
  },
  madeFrom: ({ forward }, options) => connectionsOf(options, forward),
  share: () => new Rotations(),
  unlist: (api, rotations) => rotations.leave(api),
  reset: (handler) => handler.reset(),
  make: (options, { name, forward }, rotations) =>
    rotations.open({ ...options, name, connections: connectionsOf(options, forward) }),
};

/** Node's client has its connections through a proxy from the rotation, which must have the API's limit for them. */
const connectionsOf = ({ connections }: ProxyRotateBlock, forward: ForwardFacts): number | undefined =>
  connections ?? forward.connections;
