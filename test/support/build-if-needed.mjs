// Installs and builds what `npm start` runs, if a source is newer than the build or there is no build.
import { execSync } from 'node:child_process';
import fs from 'node:fs';
import './ensure-modules.mjs';

// The build writes this file last: if it is missing, a build was interrupted.
const BUILT = 'dist/lib/chunks';

const newest = (folder) =>
  Math.max(
    ...fs.readdirSync(folder, { recursive: true }).map((name) => fs.statSync(`${folder}/${name}`).mtimeMs),
  );
const built = fs.existsSync(BUILT) ? fs.statSync(BUILT).mtimeMs : 0;
if (Math.max(newest('lib'), newest('dashboards')) > built) execSync('npm run build', { stdio: 'inherit' });
