import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { expect } from 'chai';
import { startBalancer } from '../../chaos/kit/balancer.js';
import { movableClock } from '../../chaos/kit/clock.js';
import { eventually } from '../../chaos/kit/fleet.js';
import { startFlood } from '../../chaos/kit/flood.js';
import { startSlowClients } from '../../chaos/kit/slow-clients.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { listening } from '../../support/listening.js';
import { until } from '../../support/until.js';

describe('the movable clock of the chaos suite', () => {
  it('moves dates, steady time and timers of a process on', async () => {
    const clock = await movableClock();
    const script = `
      const beganAt = [Date.now(), performance.now()];
      let turns = 0;
      setInterval(() => turns++, 600_000);
      setTimeout(() => console.log(JSON.stringify([new Date() - beganAt[0], performance.now() - beganAt[1], turns])), 7_200_000);`;
    const child = spawn(process.execPath, ['-e', script], { env: { ...process.env, ...clock.env } });
    onCleanup(() => child.kill('SIGKILL'));
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await eventually(
      'the clock',
      10_000,
      async () => (await clock.memory().catch(() => undefined)) !== undefined,
    );
    const begin = await clock.memory();
    const end = await clock.advance(7_300_000);
    expect(end.at - begin.at).to.be.within(7_300_000, 7_360_000);
    await until(() => output !== '');
    const [wall, steady, turns] = JSON.parse(output);
    expect(wall).to.be.within(7_200_000, 7_240_000);
    expect(steady).to.be.within(7_200_000, 7_240_000);
    expect(turns).to.be.within(11, 12);
  });
});

describe('the balancer of the chaos suite', () => {
  it('leads to servers that are ready, and past one that refuses connections', async () => {
    const ready = [true, true];
    const servers = await Promise.all(
      [0, 1].map((i) =>
        listening(
          createServer((req, res) => {
            if (req.url === '/health/ready') res.statusCode = ready[i] ? 200 : 503;
            res.end(`${i}`);
          }),
        ),
      ),
    );
    const ports = servers.map(({ port }) => port);
    const { url } = await startBalancer({ ports, checkEveryMs: 20 });
    const texts = async (times: number) =>
      new Set(await Promise.all(Array.from({ length: times }, async () => (await call(url)).text)));
    expect([...(await texts(4))].sort()).to.deep.equal(['0', '1']);
    ready[0] = false;
    await eventually('one to be left', 5000, async () => (await texts(4)).size === 1);
    ready[0] = true;
    await servers[1]?.close();
    expect([...(await texts(4))]).to.deep.equal(['0']);
  });
});

describe('the flood of the chaos suite', () => {
  it('sends so many calls on kept connections, and counts their responses', async () => {
    const seen: string[] = [];
    const { port, connections } = await listening(
      createServer((req, res) => {
        req.resume();
        seen.push(`${req.method} ${req.url}`);
        const text = 'x'.repeat(seen.length);
        res.writeHead(seen.length % 2 ? 200 : 503, { 'content-length': text.length }).end(text);
      }),
    );
    const requests = [{ path: '/a/{n}' }, { path: '/b', body: '{"b":1}' }];
    const report = await startFlood().run({ port, requests, connections: 2, depth: 3, calls: 40 });
    expect(report).to.deep.include({ calls: 40, statuses: { 200: 20, 503: 20 } });
    expect(connections.total).to.equal(2);
    expect(new Set(seen.filter((line) => line.startsWith('GET'))).size).to.equal(20);
    expect(seen.filter((line) => line === 'POST /b').length).to.equal(20);
  });
});

describe('the slow clients of the chaos suite', () => {
  it('hold connections, and say how their bodies were ended', async () => {
    const { port, connections } = await listening(
      createServer((req, res) => {
        req.once('data', () => res.writeHead(408, { connection: 'close' }).end());
      }),
    );
    const clients = await startSlowClients({ port, heads: 3, bodies: 2, idle: 4, overMs: 100, path: '/' });
    expect(connections.open).to.be.at.least(7);
    const ended = async () => ((await clients.report()).bodies['408'] ?? 0) >= 2;
    await eventually('their ends', 10_000, ended);
    expect(await clients.report()).to.deep.include({ heads: 0 });
  });
});
