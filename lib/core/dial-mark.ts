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
 * An agent for one request, whose connections are those of another.
 * @param dialled called when a connection is opened for it, where that agent calls {@link tellDial}: Node itself does not say
 */
export function dialTelling(agent: Agent, dialled: () => void): Agent {
  const pool = agent as Agent & Pooling;
  return Object.create(agent, {
    addRequest: {
      value: (req: Marked, options: object) => {
        req[DIAL] = dialled;
        pool.addRequest(req, options);
      },
    },
  });
}

/** An agent opens a connection for this request. */
export function tellDial(req: ClientRequest): void {
  (req as Marked)[DIAL]?.();
}
