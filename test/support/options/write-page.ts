import { writeFileSync } from 'node:fs';
import { optionsPage } from './page.js';

// Writes the page of all options: npm run docs:options.
writeFileSync('docs/options.md', optionsPage());
