import { spawn } from 'node:child_process';
import { expect } from 'chai';
import { loadConfig } from '../../../lib/config/load-config.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { until, within } from '../../support/until.js';

/** Runs an example on a free port. It imports the package by its name, so what is built is what runs. */
async function start(name: string) {
  const child = spawn(process.execPath, [`examples/${name}`], { env: { ...process.env, PORT: '0' } });
  onCleanup(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  await until(() => /http:\S+\n/.test(output), `a URL of ${name}`, 15_000);
  return {
    url: /http:\S+/.exec(output)?.[0] ?? '',
    stop: () => {
      child.kill('SIGTERM');
      return within(ended, `${name} to end; it said ${output}`, 10_000);
    },
  };
}

describe('examples', () => {
  it('apis.yaml loads with no variable set', () => {
    const { config, warnings } = loadConfig('examples/apis.yaml', { env: {} });
    expect(Object.keys(config.apis)).to.deep.equal([
      'demo',
      'github',
      'ip',
      'hyperliquid',
      'birdeye',
      'coinbase',
    ]);
    expect(warnings).to.deep.equal([]);
  });

  it('express-app.mjs retries, and stops calling what is dead', async () => {
    const { url, stop } = await start('express-app.mjs');
    const get = async (path: string) => {
      const { status, text } = await call(url + path);
      return [status, JSON.parse(text).code];
    };
    expect(await get('/api/quotes/today')).to.deep.equal([200, undefined]);
    expect(await get('/api/quotes/broken')).to.deep.equal([503, undefined]);
    expect((await get('/api/quotes/broken'))[0]).to.equal(503);
    expect(await get('/api/quotes/today')).to.deep.equal([503, 'ERR_CIRCUIT_OPEN']);
    expect((await call(`${url}/circuits`)).json()).to.deep.equal([
      { circuit: 'quotes', state: 'OPEN', failures: 5 },
    ]);
    expect(await stop()).to.equal(0);
  });

  it('by-hand.mjs retries on one route and has a breaker on another', async () => {
    const { url, stop } = await start('by-hand.mjs');
    expect((await call(`${url}/weather/berlin`)).json()).to.deep.equal({ city: 'Berlin', sky: 'grey' });
    expect((await call(`${url}/weather/nowhere`)).status).to.equal(404);
    for (const status of [500, 500, 503]) expect((await call(`${url}/report`)).status).to.equal(status);
    const { headers, text } = await call(`${url}/report`);
    expect(JSON.parse(text).code).to.equal('ERR_CIRCUIT_OPEN');
    expect(headers['retry-after']).to.match(/^\d+$/);
    expect(await stop()).to.equal(0);
  });
});
