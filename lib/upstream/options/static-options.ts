import type { Options } from 'http-proxy-middleware';
import type { ForwardOptions } from './forward-options.js';

/** What http-proxy-middleware would prepare for each call, prepared once. */
export interface StaticOptions {
  /** Rewrites the path by the first matching rule of the table. */
  rewrite(path: string): string;
}

/**
 * Prepares the options once. `undefined` if they depend on the call, by a filter, a router, a function, a plugin or a
 * listener. Such calls go through http-proxy-middleware, which costs a call some twelve promises.
 */
export function staticOptions(options: ForwardOptions): StaticOptions | undefined {
  const { target, router, pathFilter, pathRewrite, plugins, on, ejectPlugins } = options;
  if (target === undefined || router !== undefined || pathFilter !== undefined) return undefined;
  if (typeof pathRewrite === 'function' || (plugins?.length ?? 0) > 0) return undefined;
  if (!ejectPlugins && on && Object.values(on).some((listener) => listener !== undefined)) return undefined;
  return { rewrite: rewriteBy(pathRewrite) };
}

function rewriteBy(
  table: Exclude<Options['pathRewrite'], (...args: never[]) => unknown>,
): (path: string) => string {
  const rules = Object.entries(table ?? {}).map(([pattern, value]) => ({
    regex: new RegExp(pattern),
    value,
  }));
  if (rules.length === 0) return unchanged;
  return function rewrite(path) {
    const rule = rules.find(({ regex }) => regex.test(path));
    return rule ? path.replace(rule.regex, rule.value) : path;
  };
}

const unchanged = (path: string): string => path;
