import { startBalancer } from '../kit/balancer.js';
import { row as rowOf } from '../kit/row.js';
import { rolling, rollingRestart } from '../scenes/rolling.js';

/** A balancer of TCP connections that follows `/health/ready`. */
export const row = rowOf('rolling restart of 4 behind a TCP balancer', rolling, async (scene) => {
  const { url } = await startBalancer({ ports: scene.fleet.processes.map(({ port }) => port) });
  return rollingRestart('balancer', scene, url);
});
