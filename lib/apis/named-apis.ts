import type { Api } from './part-list.js';

/** Every API by its name. Those that the configuration names are known to be there. */
export interface NamedApis<Name extends string> extends ReadonlyMap<string, Api> {
  /** An API that the configuration names; `undefined` only after an update that has removed it. */
  get(name: Name): Api;
  /** `undefined` if there is no API of this name. */
  get(name: string): Api | undefined;
}

/** The APIs of a configuration: with their names, if its type has them. */
export type ApisOf<Name extends string> = string extends Name ? ReadonlyMap<string, Api> : NamedApis<Name>;
