import { mkdirSync, writeFileSync } from 'node:fs';
import { describedSchema } from './described-schema.js';

// Writes the JSON Schema of the configuration file: npm run schema.
mkdirSync('schema', { recursive: true });
writeFileSync('schema/apis.schema.json', `${JSON.stringify(describedSchema(), null, 2)}\n`);
