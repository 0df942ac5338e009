import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { invalidOption } from '../core/errors.js';
import { isBelow, withoutEnd, withoutOrigin } from '../core/mount.js';
import { takenBy, taking } from './offers.js';
import { NO_WEBSOCKET, refuseUpgrade } from './refuse-upgrade.js';
import { serveWithoutUpgrade } from './serve-without-upgrade.js';
import { meansWebSocket, passUpgradeBy, returnUpgrade, takeUpgrade, type UpgradeHandler } from './upgrade.js';

/**
 * Mounts WebSocket handlers below paths, as Express mounts those of calls: `server.on('upgrade', upgradeRoutes({
 * '/api': proxy.upgrade, '/chat': chat.upgrade }))`. The longest matching path wins and is removed from `req.url`;
 * `/` matches everything. A request that matches no path is left to the server's other listeners. If there are none,
 * a WebSocket is refused with 404, and any other upgrade is served as a plain request.
 *
 * @throws InvalidOptionError for a path that does not begin with `/`, and for a handler that is not a function
 */
export function upgradeRoutes(routes: Readonly<Record<string, UpgradeHandler>>): UpgradeHandler {
  if (typeof routes !== 'object' || routes === null)
    throw invalidOption('routes', 'must be an object', routes);
  const mounts = Object.entries(routes).map(([path, handler]) => checked(path, handler));
  mounts.sort((a, b) => b.path.length - a.path.length);

  return taking(
    function upgradeRoutes(req: IncomingMessage, socket: Duplex, head: Buffer): void {
      const url = pathOf(req);
      const mount = mountOf(url);
      if (!mount && !passUpgradeBy(req, socket)) return;
      if (!takeUpgrade(req)) return;
      if (!takes(req, mount)) return serveWithoutUpgrade(req, socket, head);
      if (!mount) return refuseUpgrade(socket, NO_WEBSOCKET);
      req.url = below(mount, url);
      returnUpgrade(req);
      mount.handler(req, socket, head);
    },
    (req) => takes(req, mountOf(pathOf(req))),
  );

  function mountOf(url: string): Mount | undefined {
    return mounts.find(({ path }) => isBelow(url, path));
  }
}

interface Mount {
  readonly path: string;
  readonly handler: UpgradeHandler;
}

const pathOf = ({ url }: IncomingMessage): string => withoutOrigin(url);

function below({ path }: Mount, url: string): string {
  const rest = url.slice(path.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Whether the handler takes the protocol; one that does not say so takes WebSockets. */
function takes(req: IncomingMessage, mount: Mount | undefined): boolean {
  const takesIt = mount && takenBy(mount.handler);
  if (!mount || !takesIt) return meansWebSocket(req);
  const { url = '/' } = req;
  req.url = below(mount, pathOf(req));
  const taken = takesIt(req);
  req.url = url;
  return taken;
}

function checked(path: string, handler: UpgradeHandler): Mount {
  const place = `routes[${JSON.stringify(path)}]`;
  if (!/^\/[^?#]*$/.test(path))
    throw invalidOption(place, 'must be mounted at a path that begins with "/"', path);
  if (typeof handler !== 'function')
    throw invalidOption(place, 'must be a function, as proxy.upgrade is', handler);
  return { path: withoutEnd(path), handler };
}
