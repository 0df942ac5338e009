import http from 'node:http';
import https from 'node:https';
import type { Options } from 'http-proxy-middleware';
import { type InvalidOptionError, invalidOption } from '../../core/errors.js';
import { targetUrl } from '../request/target.js';
import type { ForwardOptions } from './forward-options.js';
import { takesFilter } from './middleware.js';

/** Checks how options of http-proxy-middleware depend on one another. @throws InvalidOptionError */
export function checkRules(options: ForwardOptions, place: string): void {
  const at = (name: string) => (place === '' ? name : `${place}.${name}`);
  if (
    options.redirectOrigins !== undefined &&
    !options.followRedirects &&
    typeof options.router !== 'function'
  )
    throw invalidOption(
      at('redirectOrigins'),
      'has no effect without followRedirects',
      options.redirectOrigins,
    );
  // A plugin may listen as well; with plugins, this is checked again after they have run.
  const listener = options.ejectPlugins ? undefined : options.on?.proxyRes;
  if (options.selfHandleResponse && !listener && !options.plugins?.length)
    throw nobodyResponds(at('selfHandleResponse'));
  checkAgent(options, at('agent'));
  checkRouter(options.router, at);
  checkRewrite(options.pathRewrite, at('pathRewrite'));
  checkFilter(options.pathFilter, at('pathFilter'));
}

/** The error for `selfHandleResponse` without a listener that sends the response. */
export function nobodyResponds(place: string): InvalidOptionError {
  const rule = 'needs a listener on.proxyRes that sends the response, or every call would hang';
  return invalidOption(place, rule, true);
}

/** Node refuses a call whose agent is for the other protocol; agents of other kinds may serve both. */
function checkAgent({ agent, target }: ForwardOptions, place: string): void {
  if (agent === undefined || agent === null || agent === false) return;
  if (typeof agent !== 'object' || !('addRequest' in agent)) {
    throw invalidOption(place, 'must be an agent of node:http or node:https, or false', agent);
  }
  if (typeof target !== 'string' && !(target instanceof URL)) return;
  const encrypted = /^(https|wss):/i.test(String(target));
  const fits = encrypted ? agent.constructor !== http.Agent : agent.constructor !== https.Agent;
  if (!fits)
    throw invalidOption(
      place,
      `must be an agent for ${encrypted ? 'https' : 'http'}, the target's protocol`,
      agent,
    );
}

function checkRouter(router: Options['router'], at: (name: string) => string): void {
  if (router === undefined || typeof router === 'function') return;
  if (!isTable(router))
    throw invalidOption(at('router'), 'must be a function or an object of targets', router);
  for (const [key, target] of Object.entries(router)) {
    if (typeof target === 'object' && target !== null) continue;
    targetUrl(target, at(`router.${key}`));
  }
}

function checkRewrite(rewrite: Options['pathRewrite'], place: string): void {
  if (rewrite === undefined || rewrite === null || typeof rewrite === 'function') return;
  if (!isTable(rewrite)) throw invalidOption(place, 'must be a function or an object of patterns', rewrite);
  for (const [pattern, replacement] of Object.entries(rewrite)) {
    try {
      new RegExp(pattern);
    } catch {
      throw invalidOption(
        `${place}.${pattern}`,
        'must have a valid regular expression as its key',
        replacement,
      );
    }
    if (typeof replacement !== 'string')
      throw invalidOption(`${place}.${pattern}`, 'must be a string', replacement);
  }
}

/** http-proxy-middleware would report it at each call, and treat the call as not matched. */
function checkFilter(pathFilter: ForwardOptions['pathFilter'], place: string): void {
  if (pathFilter === undefined || typeof pathFilter === 'function') return;
  if (takesFilter(pathFilter)) return;
  const rule = 'must be a path, a glob, a list of either, or a function; paths and globs do not mix';
  throw invalidOption(place, rule, pathFilter);
}

const isTable = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value));
