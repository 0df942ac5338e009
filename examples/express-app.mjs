// An Express application that calls third-party APIs through `resilientProxy`. The example starts its own
// API, which fails most requests, so it runs without internet access:
//
//   node examples/express-app.mjs
//   curl -i localhost:3000/api/quotes/today      two failures are retried, then 200
//   curl -i localhost:3000/api/quotes/broken     three attempts fail: 503
//   curl -i localhost:3000/api/quotes/broken     the fifth failure in a row opens the circuit
//   curl -i localhost:3000/api/quotes/today      503 ERR_CIRCUIT_OPEN: the API is not called
//   curl -s localhost:3000/circuits              the state of the circuit
import { createServer } from 'node:http';
import express from 'express';
import { resilientProxy, upgradeRoutes } from 'resilient-proxy-out';

const upstream = await startQuotes();

const proxy = resilientProxy({
  apis: {
    quotes: {
      target: upstream.url,
      headers: { 'X-Api-Key': 'secret-of-the-application' },
      retry: { initialDelayMs: 100 },
      breaker: { resetTimeoutMs: 10_000 },
    },
  },
});
proxy.apis.get('quotes')?.breaker?.on('open', ({ api, failures }) => {
  process.stderr.write(`${api}: circuit opened after ${failures} failures\n`);
});

const app = express();
app.use('/api', proxy);
app.get('/circuits', (_req, res) => {
  res.json(proxy.circuits.list().map(({ circuit, state, failures }) => ({ circuit, state, failures })));
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
  if (error) throw error;
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
server.on('upgrade', upgradeRoutes({ '/api': proxy.upgrade }));

process.once('SIGTERM', () => {
  // server.close() waits for open WebSockets as it waits for calls.
  void proxy.closeSockets(1000);
  server.close(async () => {
    await proxy.close();
    upstream.close();
  });
});

/** A third-party API for the example. Every third request to `/today` succeeds; `/broken` always fails. */
async function startQuotes() {
  let calls = 0;
  const quotes = createServer((req, res) => {
    const works = req.url === '/today' && ++calls % 3 === 0;
    res.writeHead(works ? 200 : 503, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify(works ? { quote: 'Fall seven times, stand up eight.' } : { error: 'try later' }));
  });
  await new Promise((resolve) => quotes.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${quotes.address().port}`,
    close() {
      quotes.close();
      quotes.closeAllConnections();
    },
  };
}
