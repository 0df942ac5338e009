import type { Options } from 'http-proxy-middleware';
import type { ProxyServerOptions } from 'httpxy';
import { invalidOption } from '../../core/errors.js';
import type { ForwardOptions } from './forward-options.js';
import { NODE_OPTIONS } from './forward-schema.js';
import { TLS_OPTIONS } from './tls-options.js';

const NODE_EVENTS = ['proxyReq', 'proxyRes', 'end', 'econnreset'] as const;

/** Names of the options that need the undici transport. */
export const UNDICI_OPTIONS = ['keepAliveTimeoutMs', 'maxResponseHeaderBytes'] as const;
/** Connection options that a target given as an object may have. */
export const TARGET_PARTS = [
  'socketPath',
  'pfx',
  'key',
  'passphrase',
  'cert',
  'ca',
  'ciphers',
  'secureProtocol',
];

/**
 * Options that need Node's client, by their paths.
 * @param hooked events with listeners beside those of `on`
 */
export function nodeReasons(options: ForwardOptions, hooked: readonly string[]): string[] {
  // As in http-proxy-middleware, `on` is handled by one of the plugins that may be ejected.
  const on = options.ejectPlugins ? {} : (options.on ?? {});
  const named = NODE_OPTIONS.filter((name) => needsNode(name, Reflect.get(options, name)));
  const events = NODE_EVENTS.filter((name) => Reflect.get(on, name) !== undefined || hooked.includes(name));
  return [...named, ...events.map((name) => `on.${name}`), ...partsOf(options.target)];
}

/** Options of one call that need Node's client and differ from those given for all calls. */
export function changesOfCall(call: ProxyServerOptions, given: Options): string[] {
  const named = NODE_OPTIONS.filter((name) => {
    const value: unknown = Reflect.get(call, name);
    return value !== Reflect.get(given, name) && needsNode(name, value);
  });
  const tls = ['secure', ...TLS_OPTIONS].filter(
    (name) => Reflect.get(call, name) !== Reflect.get(given, name),
  );
  return [...named, ...tls, ...partsOf(call.target)];
}

/** `false` turns an option off; only as `agent` it means a new connection for each request. */
const needsNode = (name: string, value: unknown): boolean =>
  value !== undefined && value !== null && (value !== false || name === 'agent');

const partsOf = (target: unknown): string[] =>
  typeof target === 'object' && target !== null && !(target instanceof URL)
    ? TARGET_PARTS.filter((name) => name in target).map((name) => `target.${name}`)
    : [];

/** @throws InvalidOptionError if no transport supports all of the options */
export function chooseTransport(
  wanted: 'auto' | 'undici' | 'node',
  needsNode: readonly string[],
  needsUndici: readonly string[],
  options: ForwardOptions,
  place: string,
): 'undici' | 'node' {
  const [node] = needsNode;
  const [undici] = needsUndici;
  const at = (name: string) => (place === '' ? name : `${place}.${name}`);
  if (node && wanted === 'undici') {
    throw invalidOption(
      at(node),
      "cannot be honoured by transport 'undici': use 'node' or 'auto'",
      valueAt(options, node),
    );
  }
  if (undici && (wanted === 'node' || node)) {
    const why = node
      ? `cannot go with ${node}, which needs transport 'node'`
      : "cannot be honoured by transport 'node'";
    throw invalidOption(at(undici), why, valueAt(options, undici));
  }
  return node || wanted === 'node' ? 'node' : 'undici';
}

function valueAt(options: ForwardOptions, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => Reflect.get(Object(value), key), options);
}
