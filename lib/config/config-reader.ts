import type { ManyApisConfig } from '../apis/options.js';
import { SortedApis } from '../apis/sorted-apis.js';
import { joinPath } from '../core/options.js';
import { assemble, type LoadedConfig } from './assemble.js';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { type ConfigFormat, DocumentReader } from './document.js';
import { type Environment, substitute } from './environment.js';
import { KnownApis } from './known-apis.js';

/** A text, and what is known of where it is from. */
export interface ConfigText {
  readonly text: string;
  readonly env: Environment;
  readonly format: ConfigFormat;
  /** Name of the text in error messages. */
  readonly source: string;
  readonly folder: string;
}

/**
 * Loads one version of a configuration after another. What of an API has not changed, in the text, the environment and
 * the files, is neither parsed nor checked again.
 */
export class ConfigReader {
  /** The options of the APIs, for a proxy that is made of them: it need not check them again. */
  readonly sorted = new SortedApis(true);
  readonly #documents = new DocumentReader();
  readonly #presets: (config: ManyApisConfig) => ManyApisConfig;
  #known = new KnownApis();

  /** @param presets what is added to each configuration before it is put in service */
  constructor(presets: (config: ManyApisConfig) => ManyApisConfig = (config) => config) {
    this.#presets = presets;
  }

  /** @throws ConfigError */
  read({ text, env, format, source, folder }: ConfigText): LoadedConfig {
    const document = this.#documents.read(text, format, source);
    const filled = substitute(document.value, { env, folder }, this.#known);
    const { value: raw } = document;
    const { sorted } = this;
    const presets = this.#presets;
    const { loaded, problems, known } = assemble(filled, { env, folder, raw, presets, sorted }, this.#known);
    if (problems.length === 0) {
      this.#known = known;
      return loaded;
    }
    throw new ConfigError(
      source,
      problems.map(({ at, message }): ConfigProblem => {
        const line = document.lineOf(at);
        return { path: joinPath(at), message, ...(line === undefined ? {} : { line }) };
      }),
    );
  }
}
