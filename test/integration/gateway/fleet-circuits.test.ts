import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { until } from '../../support/until.js';
import { startUpstream, status } from '../../support/upstream.js';

/** A gateway with one API, `x`, which fails. */
async function startGateway(target: string, redis: RedisServer, breaker: string) {
  const lines: string[] = [];
  const text = `server: { port: 0 }\nredis: "${redis.url}"\napis: { x: { target: "${target}", retry: false, breaker: ${breaker} } }`;
  const write = (line: string) => void lines.push(JSON.parse(line).msg);
  const gateway = createGateway({
    ...parseConfig(text, { env: {} }),
    logger: gatewayLogger('info', { write }),
  });
  const url = await gateway.listen();
  onCleanup(() => {
    gateway.server.closeAllConnections();
    return gateway.close();
  });
  const connected = () => gateway.proxy.redis?.status().state === 'up';
  await until(connected);
  return {
    get: () => call(`${url}/api/x/`),
    act: (action: 'forceOpen' | 'forceClose') => gateway.proxy.apis.get('x')?.breaker?.[action](),
    logged: (message: RegExp) =>
      until(() => lines.some((line) => message.test(line)), `${message} in ${lines.join('\n')}`),
    async circuit() {
      const { circuits } = (await call(`${url}/circuit-status`)).json() as {
        circuits: { state: string; scope: string; opened_by: string | null; config: object }[];
      };
      return circuits[0];
    },
    async health() {
      const { processes, apis } = (await call(`${url}/health?verbose=1`)).json() as {
        processes: number;
        apis: { x: { state: string; scope: string } };
      };
      return { processes, ...apis.x };
    },
    processes: () => gateway.proxy.redis?.status().processes,
    async metric() {
      const page = (await call(`${url}/metrics`)).text;
      return /^resilient_proxy_circuit_fleet\{circuit="x"\} (\d)$/m.exec(page)?.[1];
    },
  };
}

const US = new RegExp(`:${process.pid}$`);

describe('a gateway whose circuits are those of a fleet', () => {
  it('says in log, status and metrics that a circuit has opened for all, and who opened it', async () => {
    const redis = await startRedis();
    const { url } = await startUpstream(status(503));
    const breaker = '{ failureThreshold: 2, quorum: 1 }';
    const [one, two] = [await startGateway(url, redis, breaker), await startGateway(url, redis, breaker)];
    expect(await two.circuit()).to.include({ state: 'CLOSED', scope: 'fleet', opened_by: null });
    await one.get();
    await one.get();
    await two.logged(
      /^circuit "x" opened for all processes \(by \S+:\d+\): 2 failures in a row \(last: status 503\)/,
    );
    const circuit = await two.circuit();
    expect(circuit).to.include({ state: 'OPEN', scope: 'fleet' });
    expect(circuit?.opened_by).to.match(US);
    await until(() => two.processes() === 2);
    expect(await two.health()).to.include({ processes: 2, state: 'OPEN', scope: 'fleet' });
    expect(circuit?.config).to.include({ scope: 'fleet', quorum: 1 });
    expect(await two.metric()).to.equal('1');
    two.act('forceClose');
    await one.logged(/^circuit "x" closed for all processes \(by \S+:\d+\): forced$/);
    one.act('forceOpen');
    await two.logged(/^circuit "x" was forced open for all processes \(by \S+:\d+\)$/);
  });

  it('says that a circuit is open in one process alone', async () => {
    const redis = await startRedis();
    const { url } = await startUpstream(status(503));
    const one = await startGateway(url, redis, '{ failureThreshold: 2 }');
    await one.get();
    await one.get();
    await one.logged(/^circuit "x" opened in this process alone: 2 failures in a row/);
    expect(await one.circuit()).to.include({ state: 'OPEN', scope: 'process' });
    expect(await one.metric()).to.equal('0');
  });

  it('keeps the circuits of each process apart where it is told to', async () => {
    const redis = await startRedis();
    const { url } = await startUpstream(status(503));
    const one = await startGateway(url, redis, '{ failureThreshold: 2, scope: process }');
    await one.get();
    await one.get();
    await one.logged(/^circuit "x" opened: 2 failures in a row/);
    expect(await one.circuit()).to.include({ state: 'OPEN', scope: 'process', opened_by: null });
    expect(await redis.control.keys('*circuit*')).to.deep.equal([]);
  });

  it('has no circuits of a fleet without Redis, unless the environment names one', () => {
    const text = 'apis: { x: { target: "http://localhost", breaker: { scope: fleet } } }';
    expect(() => parseConfig(text, { env: {} })).to.throw(
      "apis.x.breaker.scope must be 'process' where there is no Redis",
    );
    expect(() => parseConfig(text, { env: { REDIS_URL: 'redis://localhost' } })).not.to.throw();
  });
});
