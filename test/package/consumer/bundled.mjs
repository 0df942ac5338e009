// An application that is bundled into one file, with every part that loads a package of its own.
import { createServer } from 'node:http';
import { breakerDashboard, parseConfig, resilientProxy, statsDashboard } from 'resilient-proxy-out';

const { UPSTREAM, REDIS, HTTP_PROXY_URL, SOCKS_PROXY_URL } = process.env;

const { config } = parseConfig(
  `
defaults:
  retry: { initialDelayMs: 1 }
  rateLimit: { limit: 100, windowMs: 60000, algorithm: fixed }
apis:
  cached: { target: ${UPSTREAM}, cache: {} }
  proxied: { target: ${UPSTREAM}, proxyRotate: { proxies: [${HTTP_PROXY_URL}] } }
  socks: { target: ${UPSTREAM}, proxyRotate: { proxies: [${SOCKS_PROXY_URL}] } }
  node: { target: ${UPSTREAM}, transport: node }
`,
  { env: {} },
);
const proxy = resilientProxy({ ...config, redis: REDIS, metrics: {}, tracing: {} });
const pages = { '/stats/': statsDashboard(proxy.stats), '/circuits/': breakerDashboard(proxy) };

const server = createServer(async (req, res) => {
  const [mount, page] = Object.entries(pages).find(([path]) => req.url.startsWith(path)) ?? [];
  if (page) {
    req.originalUrl = req.url;
    req.url = req.url.slice(mount.length - 1);
    return page(req, res, () => res.writeHead(404).end());
  }
  if (req.url === '/metrics') return res.end(await proxy.metrics.render());
  proxy(req, res);
}).listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});

process.once('SIGTERM', () => {
  server.close();
  for (const page of Object.values(pages)) page.close();
  void proxy.close();
});
