// Single middleware functions on routes of an Express application. The example starts its own API, so it
// runs without internet access:
//
//   node examples/by-hand.mjs
//   curl -i localhost:3000/weather/berlin        the first attempt fails and is retried: 200
//   curl -i localhost:3000/weather/nowhere       404: returned as it is, not retried
//   curl -i localhost:3000/report                fails; the third time, its circuit is open
import { createServer } from 'node:http';
import express from 'express';
import { breaker, forward, ProxyError, retry } from 'resilient-proxy-out';

const upstream = await startWeather();

const circuit = breaker({ name: 'weather' });
const weather = forward({ target: upstream.url, changeOrigin: true });
const reports = breaker({ name: 'reports', failureThreshold: 2, resetTimeoutMs: 10_000 });

const app = express();
// forward() repeats the attempts, so retry() must come before a forward().
app.use('/weather', circuit, retry({ initialDelayMs: 100 }), weather);
// A breaker works in front of any handler.
app.get('/report', reports, (_req, res) => {
  res.status(500).json({ error: 'the report could not be made' });
});
app.use(showProxyError);

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
  if (error) throw error;
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});

process.once('SIGTERM', () => {
  server.close(async () => {
    circuit.close();
    reports.close();
    await weather.close();
    upstream.close();
  });
});

/** Each middleware passes its errors on as a ProxyError with a status, headers and a code. */
function showProxyError(error, _req, res, next) {
  if (!(error instanceof ProxyError) || res.headersSent) return next(error);
  res.status(error.status).set(error.headers).json({ problem: error.message, code: error.code });
}

/** A third-party API for the example. Its first request fails, and it has data for one city. */
async function startWeather() {
  let calls = 0;
  const api = createServer((req, res) => {
    const status = ++calls === 1 ? 503 : req.url === '/berlin' ? 200 : 404;
    res.writeHead(status, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify(status === 200 ? { city: 'Berlin', sky: 'grey' } : { error: status }));
  });
  await new Promise((resolve) => api.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${api.address().port}`,
    close() {
      api.close();
      api.closeAllConnections();
    },
  };
}
