// Installs what package-lock.json names where it is not there yet, as in a fresh clone. So it can use nothing but Node.
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';

// npm writes this file last: without it an installation was broken off.
if (!existsSync('node_modules/.package-lock.json')) execSync('npm ci --include=dev', { stdio: 'inherit' });
