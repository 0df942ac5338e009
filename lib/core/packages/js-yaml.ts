import { CORE_SCHEMA, load } from 'js-yaml';

const loaded = { CORE_SCHEMA, load };

/** js-yaml, which is loaded once a configuration is read. */
export const jsYaml = (): typeof loaded => loaded;
