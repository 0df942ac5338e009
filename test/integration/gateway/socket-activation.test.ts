import { linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer, type ListenOptions, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { UsageError } from '../../../lib/gateway/command-line.js';
import { activatedSocket } from '../../../lib/gateway/socket-activation.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { buildGateway } from '../../support/gateway-program.js';
import { type Activation, isRunning, runGateway } from '../../support/run-gateway.js';
import { until, within } from '../../support/until.js';
import { startUpstream, text } from '../../support/upstream.js';

const WITHIN_MS = 10_000;

/** A socket that listens, for processes that are started with it. Close it once they are: it would accept connections. */
async function openSocket(place: ListenOptions = { host: '127.0.0.1', port: 0 }) {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(place, resolve));
  const { _handle: handle } = server as Server & { _handle: { fd: number } };
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { socket: handle.fd, port, close: () => void server.close() };
}

describe('the gateway with socket activation of systemd', function withSystemd() {
  this.timeout(60_000);
  before(buildGateway);

  /** Arguments of a gateway with one API, `x`. The port of the file is of no use here. */
  async function configure(server = '') {
    const upstream = await startUpstream(text('ok'));
    const folder = mkdtempSync(join(tmpdir(), 'rpo-activation-'));
    onCleanup(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'apis.yaml');
    writeFileSync(path, `server: { port: 1, ${server} }\napis: { x: { target: "${upstream.url}" } }`);
    return ['--config', path];
  }

  const run = (args: readonly string[], activated: Activation) =>
    runGateway(args, { activated, env: { ADMIN_TOKEN: 't' } });

  for (const workers of [[], ['--workers', '2']]) {
    const how = workers.length > 0 ? 'with workers' : 'alone';

    it(`listens on the socket that it is handed, ${how}`, async () => {
      const args = await configure();
      const { socket, port, close } = await openSocket();
      const starting = run([...args, ...workers], { socket });
      close();
      const gateway = await starting;
      expect(gateway.url).to.equal(`http://127.0.0.1:${port}`);
      for (let i = 0; i < 6; i++) expect((await call(`${gateway.url}/api/x/`)).text).to.equal('ok');
      expect((await call(`${gateway.url}/health`)).status).to.equal(200);
      expect(
        gateway.logs.filter(({ msg }) => /^serves on the socket of systemd/.test(String(msg))),
      ).to.have.length(1);
    });

    it(`loses no connection while it is started anew, ${how}`, async () => {
      const args = await configure();
      const { socket, port, close } = await openSocket();
      let startNext = (): void => {};
      const at = new Promise<void>((resolve) => {
        startNext = resolve;
      });
      const starting = run([...args, ...workers], { socket });
      const next = run([...args, ...workers], { socket, at });
      close();
      const first = await starting;
      process.kill(first.pid, 'SIGTERM');
      expect(await within(first.ended, 'the end', WITHIN_MS)).to.equal(0);
      // Nobody accepts it now.
      const waiting = call(`http://127.0.0.1:${port}/api/x/`);
      startNext();
      expect((await waiting).text).to.equal('ok');
      await next;
    });

    it(`lets in who may come in by the address of the socket, ${how}`, async () => {
      const args = await configure();
      const statuses: number[] = [];
      for (const host of ['127.0.0.1', '0.0.0.0']) {
        const { socket, port, close } = await openSocket({ host, port: 0 });
        const starting = run([...args, ...workers], { socket });
        close();
        const gateway = await starting;
        const url = `http://127.0.0.1:${port}`;
        const headers = { host: 'gateway.example', authorization: 'Bearer t' };
        for (const path of ['/api/x/', '/metrics'])
          statuses.push((await call(url + path, { headers })).status);
        gateway.child.kill('SIGTERM');
        await gateway.ended;
      }
      // On loopback, pages of other sites are kept out by Host.
      expect(statuses).to.deep.equal([403, 403, 200, 200]);
    });

    it(`listens on a Unix socket that it is handed, ${how}`, async () => {
      const args = await configure();
      const folder = mkdtempSync(join(tmpdir(), 'rpo-unix-'));
      onCleanup(() => rmSync(folder, { recursive: true }));
      const path = join(folder, 'gateway.sock');
      const { socket, close } = await openSocket({ path });
      const starting = run([...args, ...workers], { socket });
      // Its own path is removed when it is closed here.
      const socketPath = join(folder, 'linked.sock');
      linkSync(path, socketPath);
      close();
      expect((await starting).url).to.equal('a Unix socket');
      const answered = new Promise<number | undefined>((resolve, reject) => {
        const req = get({ socketPath, path: '/api/x/', headers: { host: 'gateway.example' } }, (res) => {
          res.resume().on('end', () => resolve(res.statusCode));
        });
        req.on('error', reject);
      });
      expect(await answered).to.equal(200);
    });
  }

  it('replaces workers, and ends with the last of them, so that systemd starts it again', async () => {
    const args = await configure();
    const { socket, port, close } = await openSocket();
    const starting = run([...args, '--workers', '2'], { socket });
    close();
    const gateway = await starting;
    await until(() => gateway.workers.length === 2, 'the workers', WITHIN_MS);
    process.kill(gateway.workers[0] ?? 0, 'SIGKILL');
    await until(() => gateway.workers.length === 3, 'another worker', WITHIN_MS);
    expect((await call(`http://127.0.0.1:${port}/api/x/`)).text).to.equal('ok');
    for (const pid of gateway.workers.slice(1)) process.kill(pid, 'SIGKILL');
    expect(await within(gateway.ended, 'the end', WITHIN_MS)).to.equal(1);
    expect(gateway.logs.at(-1)).to.include({
      level: 'fatal',
      msg: 'all workers have ended, and with them the socket: systemd has to start the gateway again',
    });
    expect(gateway.workers.map(isRunning)).to.deep.equal([false, false, false]);
  });

  it('says what is wrong with a descriptor that is no socket', async () => {
    const args = await configure();
    for (const workers of [[], ['--workers', '1']]) {
      const message = await run([...args, ...workers], { socket: 2 }).then(() => '', String);
      expect(message).to.match(
        /resilient-proxy-out: descriptor 3, which LISTEN_FDS announces, is no socket of a ListenStream= \(\w+\)/,
      );
    }
  });

  it('takes one socket, which is for this process', () => {
    const env: NodeJS.ProcessEnv = { LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: 'x', PATH: '/bin' };
    expect(activatedSocket({}, 7)).to.equal(undefined);
    expect(activatedSocket({ ...env, LISTEN_PID: '8' }, 7)).to.equal(undefined);
    expect(activatedSocket(env, 7)).to.equal(3);
    expect(env).to.deep.equal({ PATH: '/bin' });
    for (const LISTEN_FDS of ['2', '0', 'one'])
      expect(() => activatedSocket({ LISTEN_PID: '7', LISTEN_FDS }, 7)).to.throw(
        UsageError,
        'LISTEN_FDS must be 1',
      );
  });
});
