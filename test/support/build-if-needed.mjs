// Builds when a source is newer than the build, so that `npm start` works on a fresh clone.
import { execSync } from 'node:child_process';
import fs from 'node:fs';

const newest = (folder) =>
  Math.max(
    ...fs.readdirSync(folder, { recursive: true }).map((name) => fs.statSync(`${folder}/${name}`).mtimeMs),
  );
const built = fs.existsSync('dist/lib/index.js') ? fs.statSync('dist/lib/index.js').mtimeMs : 0;
if (!fs.existsSync('node_modules')) execSync('npm ci', { stdio: 'inherit' });
if (Math.max(newest('lib'), newest('dashboards')) > built) execSync('npm run build', { stdio: 'inherit' });
