import type { Agent, ClientRequest } from 'node:http';

const DIAL = Symbol('dial');

interface Marked extends ClientRequest {
  [DIAL]?: () => void;
}

/** Missing in the types of Node's agents. */
interface Pooling {
  addRequest(req: ClientRequest, options: object): void;
}

/**
 * The same agent, with the same connections.
 * @param prepare called with each request that is sent by it @returns the options with which that agent gets it
 */
export function agentWith(agent: Agent, prepare: (req: ClientRequest, options: object) => object): Agent {
  const pool = agent as Agent & Pooling;
  return Object.create(agent, {
    addRequest: {
      value: (req: ClientRequest, options: object) => pool.addRequest(req, prepare(req, options)),
    },
  });
}

/**
 * The same agent for one request.
 * @param dialled called when a connection is opened for it, where that agent calls {@link tellDial}: Node itself does not say
 */
export function dialTelling(agent: Agent, dialled: () => void): Agent {
  return agentWith(agent, (req: Marked, options) => {
    req[DIAL] = dialled;
    return options;
  });
}

/** An agent opens a connection for this request. */
export function tellDial(req: ClientRequest): void {
  (req as Marked)[DIAL]?.();
}
