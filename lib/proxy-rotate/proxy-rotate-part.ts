import { invalidOption } from '../core/errors.js';
import { without } from '../core/options.js';
import type { ForwardFacts, Part } from '../core/part.js';
import { Successors } from '../core/successors.js';
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
class Rotations extends Successors<Rotation> {
  constructor() {
    super((next, known) => next.resume(known));
  }

  open(options: ProxyRotateOptions & { readonly name: string }): ProxyRotateHandler {
    const { name } = options;
    const { handler, rotation } = openRotation(options, undefined, this.leaving(name));
    this.enter(name, rotation);
    return handler;
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
