import { onCleanup } from './cleanup.js';

const NAMES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/** Sets these variables, and no others of proxies, for one test. */
export function setProxyVariables(variables: Record<string, string>): void {
  const before = NAMES.map((name) => [name, process.env[name]] as const);
  onCleanup(() => {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });
  for (const name of NAMES) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, variables);
}
