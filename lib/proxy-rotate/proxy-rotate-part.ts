import { invalidOption } from '../core/errors.js';
import { without } from '../core/options.js';
import type { ForwardFacts, Part } from '../core/part.js';
import { type ProxyRotateHandler, proxyRotate } from './proxy-rotate.js';
import {
  type ProxyRotateOptions,
  proxyRotateFileShape,
  proxyRotateSchema,
  resolveProxyRotate,
} from './proxy-rotate-options.js';

/** The block `proxyRotate` of an API, whose name is the rotation's. */
type ProxyRotateBlock = Omit<ProxyRotateOptions, 'name'>;

export const proxyRotatePart: Part<'proxyRotate', ProxyRotateBlock, ProxyRotateHandler, undefined> = {
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
  make: (options, { name, forward }) =>
    proxyRotate({ ...options, name, connections: connectionsOf(options, forward) }),
};

/** Node's client has its connections through a proxy from the rotation, which must have the API's limit for them. */
const connectionsOf = ({ connections }: ProxyRotateBlock, forward: ForwardFacts): number | undefined =>
  connections ?? forward.connections;
