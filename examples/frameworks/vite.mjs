// The development server of Vite, whose middlewares come from Connect: the browser calls the APIs through the page's own
// origin. In vite.config.js, `resilient()` is one of the `plugins`.

import { resilientProxy, statsDashboard } from 'resilient-proxy-out';
import { createServer } from 'vite';

/** A plugin for Vite. */
function resilient() {
  const proxy = resilientProxy({
    mount: '/api',
    apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
  });
  const stats = statsDashboard(proxy.stats, { mount: '/stats' });
  return {
    name: 'resilient-proxy-out',
    configureServer({ httpServer, middlewares }) {
      middlewares.use(proxy);
      middlewares.use(stats);
      middlewares.use('/hello', (_req, res) => res.end('hello'));
      httpServer?.on('upgrade', proxy.upgrade);
      httpServer?.once('close', () => {
        stats.close();
        void proxy.close();
      });
    },
  };
}

const server = await createServer({
  configFile: false,
  logLevel: 'warn',
  plugins: [resilient()],
  server: { host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) },
});
await server.listen();
process.stdout.write(`http://127.0.0.1:${server.httpServer.address().port}\n`);
