// Installs the dependencies if they are missing, as in a fresh clone. It may use only Node's own modules.
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';

// npm writes this file last: if it is missing, an installation was interrupted.
if (!existsSync('node_modules/.package-lock.json')) execSync('npm ci --include=dev', { stdio: 'inherit' });
