import { mkdirSync, writeFileSync } from 'node:fs';
import { describedSchema } from './described-schema.js';

// Writes the JSON Schema of the configuration file: npm run schema.
mkdirSync('schema', { recursive: true });
writeFileSync('schema/apis.schema.json', `${lines(describedSchema())}\n`);

/** JSON with a line for each member down to this depth: one for each option, which is a third of the bytes of many. */
function lines(value: unknown, depth = 4, indent = ''): string {
  if (depth === 0 || typeof value !== 'object' || value === null || Array.isArray(value))
    return JSON.stringify(value);
  const inner = `${indent}  `;
  const members = Object.entries(value).map(
    ([name, member]) => `${inner}${JSON.stringify(name)}: ${lines(member, depth - 1, inner)}`,
  );
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`;
}
