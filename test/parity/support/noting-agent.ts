import { Agent } from 'node:http';
import { onCleanup } from '../../support/cleanup.js';
import type { World } from './world.js';

/** An agent that records which connections are opened through it. */
export function noting(world: World): Agent {
  const agent = new Agent({ keepAlive: true });
  const { createConnection } = agent;
  agent.createConnection = (options, callback) => {
    world.note(`agent connects to ${options.host}`);
    return createConnection.call(agent, options, callback);
  };
  onCleanup(() => agent.destroy());
  return agent;
}
