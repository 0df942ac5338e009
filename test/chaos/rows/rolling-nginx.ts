import { unusedPort } from '../../support/listening.js';
import { startNginx } from '../../support/nginx.js';
import { blocksOf, swap } from '../../support/pages.js';
import { row as rowOf } from '../kit/row.js';
import { rolling, rollingRestart } from '../scenes/rolling.js';

const SERVERS = /( +server )127\.0\.0\.1:8087( .*;\n)(?: +server .*;\n)+/;

/** nginx with the configuration of the recipe, with four servers in place of two. */
export const row = rowOf('rolling restart of 4 behind nginx', rolling, async (scene) => {
  const blocks = await blocksOf('recipes/behind-nginx.md');
  const shown = blocks.find(({ language }) => language === 'nginx')?.text ?? '';
  const servers = (_all: string, before: string, after: string): string =>
    scene.fleet.processes.map(({ port }) => `${before}127.0.0.1:${port}${after}`).join('');
  if (!SERVERS.test(shown)) throw new Error('The recipe has other servers');
  const port = await unusedPort();
  const config = swap(shown.replace(SERVERS, servers), { 'listen 80': `listen 127.0.0.1:${port}` });
  await startNginx(config, port, { connections: 1024 });
  return rollingRestart('nginx', scene, `http://127.0.0.1:${port}`);
});
