import { configJsonSchema, type JsonSchema } from '../../../lib/config/json-schema.js';
import {
  API_DOCS,
  type OptionDoc,
  openrestyDescription,
  REDIS_DOCS,
  SERVER_DOCS,
  SHARED_DOCS,
} from './option-docs.js';

/** The schema of a configuration file with a description of each option, for editors. */
export function describedSchema(): JsonSchema {
  const schema = configJsonSchema();
  const { server, redis, stats, metrics, tracing, requestId } = schema.properties ?? {};
  const membersOf = (block: string) => SHARED_DOCS.find(({ name }) => name === block)?.members ?? [];
  describe(server, SERVER_DOCS);
  describe(redis, REDIS_DOCS);
  describe(stats, membersOf('stats'));
  describe(requestId, membersOf('requestId'));
  describe(metrics, membersOf('metrics'));
  describe(tracing, membersOf('tracing'));
  describe(Object(schema.definitions).api, API_DOCS);
  return schema;
}

/** Writes the descriptions into every block of options that a part of the schema allows. */
function describe(part: JsonSchema | boolean | undefined, docs: readonly OptionDoc[]): void {
  if (typeof part !== 'object') return;
  const { properties = {}, anyOf = [], items } = part;
  for (const way of [...anyOf, items].flat()) describe(way, docs);
  for (const [name, property] of Object.entries(properties)) {
    if (typeof property !== 'object') continue;
    const doc = docs.find((one) => one.name === name);
    describe(property, doc?.members ?? []);
    const description = doc ? textOf(doc, property) : openrestyDescription(name);
    if (description) properties[name] = { description, ...property };
  }
}

function textOf({ description, preset }: OptionDoc, property: JsonSchema): string {
  return preset === undefined || 'default' in property ? description : `${description} Default: ${preset}.`;
}
