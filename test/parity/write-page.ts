import './support/outside-mocha.js';
import { writeFileSync } from 'node:fs';
import { ALL_CASES } from './cases/all-cases.js';
import { parityPage } from './support/page.js';

// Writes the page of the options, events and helpers of http-proxy-middleware: npm run parity.
writeFileSync('docs/parity.md', `${parityPage(ALL_CASES)}\n`);
