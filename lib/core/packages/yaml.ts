import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';

const loaded = { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit };

/** yaml, which is loaded once a configuration is read. */
export const yaml = (): typeof loaded => loaded;
