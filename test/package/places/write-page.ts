import { writeFileSync } from 'node:fs';
import { placesPage } from './page.js';

// Writes the page of the places where the package works: npm run docs:places.
writeFileSync('docs/places.md', placesPage());
