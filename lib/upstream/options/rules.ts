import http from 'node:http';
import https from 'node:https';
import { createProxyMiddleware, type Options } from 'http-proxy-middleware';
import { type InvalidOptionError, invalidOption } from '../../core/errors.js';
import { targetUrl } from '../request/target.js';
import type { ForwardOptions } from './forward-options.js';

/** Checks what options of http-proxy-middleware ask of one another. @throws InvalidOptionError */
export function checkRules(options: ForwardOptions, place: string): void {
  const at = (name: string) => (place === '' ? name : `${place}.${name}`);
  if (options.http2) {
    throw invalidOption(at('http2'), "is for a server of httpxy's own: no transport has it", options.http2);
  }
  if (
    options.redirectOrigins !== undefined &&
    !options.followRedirects &&
    typeof options.router !== 'function'
  )
    throw invalidOption(
      at('redirectOrigins'),
      'says where followRedirects may lead, which is not on',
      options.redirectOrigins,
    );
  // A plugin may listen as well: with some, it is seen only once they have run.
  const heard = options.ejectPlugins ? undefined : options.on?.proxyRes;
  if (options.selfHandleResponse && !heard && !options.plugins?.length)
    throw unanswered(at('selfHandleResponse'));
  checkAgent(options, at('agent'));
  checkRouter(options.router, at);
  checkRewrite(options.pathRewrite, at('pathRewrite'));
  checkFilter(options.pathFilter, at('pathFilter'));
}

/** Says that with `selfHandleResponse` there is nobody who answers. */
export function unanswered(place: string): InvalidOptionError {
  const rule = 'needs a listener on.proxyRes that answers, or every call would wait for ever';
  return invalidOption(place, rule, true);
}

/** Node refuses a call whose agent is none for its protocol; agents of other kinds may serve both. */
function checkAgent({ agent, target }: ForwardOptions, place: string): void {
  if (agent === undefined || agent === null || agent === false) return;
  if (typeof agent !== 'object' || !('addRequest' in agent)) {
    throw invalidOption(place, 'must be an agent of node:http or node:https, or false', agent);
  }
  if (typeof target !== 'string' && !(target instanceof URL)) return;
  const encrypted = /^(https|wss):/i.test(String(target));
  const fits = encrypted ? agent.constructor !== http.Agent : agent.constructor !== https.Agent;
  if (!fits)
    throw invalidOption(place, `must be one for the target's ${encrypted ? 'https' : 'http'}`, agent);
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
      throw invalidOption(`${place}.${pattern}`, 'must have a regular expression for its name', replacement);
    }
    if (typeof replacement !== 'string')
      throw invalidOption(`${place}.${pattern}`, 'must be a string', replacement);
  }
}

/** http-proxy-middleware would say so at each call, and pass it on as none of its own. */
function checkFilter(pathFilter: Options['pathFilter'], place: string): void {
  if (pathFilter === undefined || typeof pathFilter === 'function') return;
  let refusal: unknown;
  const error = (told: unknown): void => {
    refusal = told;
  };
  const logger = { info() {}, warn() {}, error };
  // A call to nowhere, which ends after the filter: nothing but the filter itself knows what it takes.
  const probe = createProxyMiddleware({
    pathFilter,
    logger,
    ejectPlugins: true,
    router: () => new Promise<never>(() => {}),
  });
  void probe({ url: '/' } as http.IncomingMessage, {} as http.ServerResponse, () => {});
  if (refusal === undefined) return;
  const rule = 'must be a path, a glob, a list of either, or a function; paths and globs do not mix';
  throw invalidOption(place, rule, pathFilter);
}

const isTable = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value));
