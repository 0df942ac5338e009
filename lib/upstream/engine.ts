import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Options, Plugin } from 'http-proxy-middleware';
import type { ProxyServer } from 'httpxy';
import { takeChangedHeaders } from '../core/changed-headers.js';
import { ProxyError } from '../core/errors.js';
import { OpenSockets } from '../websocket/open-sockets.js';
import { CallLog } from './call-log.js';
import { ServerEvents } from './node/server-events.js';
import type { ForwardOptions } from './options/forward-options.js';
import { resolveForward, TRANSPORT_OPTIONS, type UpstreamOptions } from './options/resolve-forward.js';
import { nobodyResponds } from './options/rules.js';
import { type PoolUse, sumOfUse } from './pool-use.js';
import type { Admission } from './request/admission.js';
import type { Turn } from './turn.js';
import { Upstream } from './upstream.js';

/** Set by the factory for its own `forward()`. */
export interface ForwardRules {
  /** Egress proxies are configured: no attempt is sent directly unless the rotation allows it. */
  readonly egressOnly?: boolean;
  /** `admission` is the first stage: it need not be asked again. */
  readonly admitted?: boolean;
}

interface Engine {
  readonly upstream: Upstream;
  readonly events: ServerEvents;
}

/** @param open has http-proxy-middleware made, if it is not yet, and with it the plugin's own part */
export function upstreamPlugin(
  options: ForwardOptions,
  resolved: UpstreamOptions,
  sockets: OpenSockets,
  rules: Required<ForwardRules>,
  open: () => void,
): {
  plugin: Plugin;
  admit: Admission;
  /** Forwards a call whose options are the same for all calls, without http-proxy-middleware's preparation. */
  web: (req: IncomingMessage, res: ServerResponse, turn: Turn) => void;
  use: () => PoolUse;
  close: () => Promise<void>;
} {
  let engine: Engine | undefined;
  let given: Options | undefined;
  let closed = false;
  const opened = (): Engine => {
    if (engine) return engine;
    open();
    // By now the plugin has run.
    const made = engine as Engine | undefined;
    if (!made) throw new ProxyError('ERR_INTERNAL', 'http-proxy-middleware has run no plugins');
    if (closed) void made.upstream.close();
    return made;
  };
  /** Parsed once for calls that no function of the application sees. */
  const givenOptions = (): Options => {
    const { target } = options;
    return {
      ...proxyOptions(options),
      ...(typeof target === 'string' ? { target: new URL(target) } : {}),
    };
  };
  return {
    admit: (req, res) => (engine ?? opened()).upstream.admit(req, res),
    web: (req, res, turn) => {
      const { upstream, events } = engine ?? opened();
      given ??= givenOptions();
      upstream.web(req, res, given, (error) => {
        if (!error) return;
        events.report(error, req, res, given?.target, (responded) => {
          if (!responded) turn.fail(error);
        });
      });
    },
    plugin: (server) => {
      const hooked = server.eventNames().map(String);
      if (options.selfHandleResponse && !hooked.includes('proxyRes')) {
        throw nobodyResponds('forward.selfHandleResponse');
      }
      const known = hooked.length === 0 ? resolved : undefined;
      const { upstream, events } = enginePlugin(options, server, hooked, { sockets, known, ...rules });
      engine = { upstream, events };
      server.web = (req, res, opts = {}) =>
        new Promise((_never, reject) => {
          // A function among the options may have changed them.
          takeChangedHeaders(req);
          upstream.web(req, res, opts, (error) => {
            if (!error) return;
            events.report(error, req, res, opts.target, (responded) => {
              if (!responded) reject(error);
            });
          });
        });
    },
    use: () => engine?.upstream.use() ?? sumOfUse(undefined, undefined),
    close: async () => {
      closed = true;
      await engine?.upstream.close();
    },
  };
}

interface EngineRules extends ForwardRules {
  readonly besideOthers?: boolean;
  readonly sockets?: OpenSockets;
  /** The options as they were resolved, where no listener makes a difference. */
  readonly known?: UpstreamOptions | undefined;
}

export function enginePlugin(
  options: ForwardOptions,
  server: ProxyServer,
  hooked: readonly string[],
  { besideOthers = false, egressOnly = false, admitted = false, sockets, known }: EngineRules = {},
): Engine {
  const log = new CallLog(options.ejectPlugins ? undefined : options.logger, besideOthers);
  const upstream = new Upstream(
    { ...(known ?? resolveForward(options, 'forward', hooked)), egressOnly, admitted },
    proxyOptions(options),
    { server, log, sockets: sockets ?? new OpenSockets() },
  );
  server.ws = (req, socket, opts = {}, head) => upstream.ws(req, socket as Socket, opts, head);
  // http-proxy-middleware also emits the error that it passes to next(); an `error` without a listener would throw.
  server.on('error', (error, req, res) => {
    if (req && res instanceof Socket) upstream.refuse(req, res, error);
  });
  log.listen(server);
  return { upstream, events: new ServerEvents(server, upstream) };
}

export const eventsPlugin: Plugin = (server, { on = {} }) => {
  for (const [event, listener] of Object.entries(on)) {
    // The types of the options check that names and listeners match.
    if (listener) server.on(event as 'error', listener as () => void);
  }
};

export function proxyOptions(options: ForwardOptions): Options {
  // With `ws`, http-proxy-middleware would listen on the server itself, and every instance would get every upgrade.
  const entries = Object.entries(options).filter(
    ([name]) => name !== 'ws' && !TRANSPORT_OPTIONS.includes(name),
  );

  const { target, router, forward } = options;
  return {
    ...Object.fromEntries(entries),
    // Without a target or a router http-proxy-middleware throws; an empty table routes nothing.
    ...(target === undefined && router === undefined && forward !== undefined ? { router: {} } : {}),
  };
}
