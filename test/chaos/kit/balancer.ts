import { connect, createServer, type Socket } from 'node:net';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { listening } from '../../support/listening.js';

/** A balancer of TCP connections, which knows nothing of HTTP but the readiness of its servers. */
export interface Balancer {
  readonly url: string;
}

export interface BalancerPlan {
  readonly ports: readonly number[];
  /** @default 200 */
  readonly checkEveryMs?: number;
}

/** Starts one on a free port of loopback; new connections go in turn to the servers that are ready. */
export async function startBalancer({ ports, checkEveryMs = 200 }: BalancerPlan): Promise<Balancer> {
  let ready = [...ports];
  let turn = 0;
  const isReady = async (port: number): Promise<boolean> => {
    const response = await call(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined);
    return response?.status === 200;
  };
  const check = setInterval(async () => {
    const states = await Promise.all(ports.map(isReady));
    ready = ports.filter((_port, i) => states[i]);
  }, checkEveryMs);
  onCleanup(() => clearInterval(check));
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    // One that refuses the connection has seen nothing of it: the next one takes it.
    const lead = (left: readonly number[]): void => {
      const [port, ...others] = left;
      if (port === undefined) return void client.destroy();
      const target = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      const refused = (): void => lead(others);
      target.once('error', refused).once('connect', () => {
        target.off('error', refused);
        join(client, target);
      });
    };
    const first = turn++ % Math.max(1, ready.length);
    // Those that are not ready come last: the checks may be what fails.
    const others = ports.filter((port) => !ready.includes(port));
    lead([...ready.slice(first), ...ready.slice(0, first), ...others]);
  });
  const { port } = await listening(server);
  return { url: `http://127.0.0.1:${port}` };
}

/** Ends, resets and data of each go to the other. */
function join(client: Socket, target: Socket): void {
  for (const [from, to] of [
    [client, target],
    [target, client],
  ] as const) {
    from.setNoDelay(true).on('error', () => to.resetAndDestroy());
    from.pipe(to);
    from.once('close', () => to.destroy());
  }
}
