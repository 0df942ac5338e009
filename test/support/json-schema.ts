import { mkdirSync, writeFileSync } from 'node:fs';
import { configJsonSchema } from '../../lib/config/json-schema.js';

// Writes the JSON Schema of the configuration file: npm run schema.
mkdirSync('schema', { recursive: true });
writeFileSync('schema/apis.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
