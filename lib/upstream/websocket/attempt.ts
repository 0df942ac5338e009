import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { ProxyServer } from 'httpxy';
import type { ResponseHead } from '../../core/attempt.js';
import { ProxyError } from '../../core/errors.js';
import type { Exchange } from '../../core/exchange.js';
import type { Upgrade } from '../../core/upgrade.js';
import { isWebSocket, protocolsOf, WEBSOCKET } from '../../websocket/protocols.js';
import { hearInterim } from '../node/interim.js';
import { whenOpen } from '../node/when-open.js';
import { targetTls } from '../options/tls-options.js';
import { asUrl } from '../request/target.js';
import { ClientResponse } from '../response/client-response.js';
import { responseHeaders } from '../response/headers.js';
import type { AttemptListener, Plan, Sending } from '../transport.js';
import type { ConnectionOptions } from '../undici/transport.js';
import { connectTo, isEncrypted, upgradeOptions } from './options.js';
import { Tunnel } from './tunnel.js';

/** What the transport provides to its attempts. */
export interface UpgradeTools {
  readonly server: ProxyServer;
  readonly limits: ConnectionOptions;
  /** Called once, when the attempt has ended or become a WebSocket. */
  over(): void;
}

/** One attempt at a handshake, up to the 101 that opens the tunnel, or to the end of any other response. */
export class UpgradeAttempt implements Sending {
  readonly #plan: Plan;
  readonly #upgrade: Upgrade;
  readonly #listener: AttemptListener;
  readonly #tools: UpgradeTools;
  #proxyReq: ClientRequest | undefined;
  #response: ClientResponse | undefined;
  #over = false;
  /** Some of the request's body is still to be sent. */
  #uploads = false;

  constructor(plan: Plan, listener: AttemptListener, tools: UpgradeTools) {
    const { upgrade } = plan.exchange;
    if (!upgrade) throw new ProxyError('ERR_INTERNAL', 'The client requested no upgrade');
    this.#plan = plan;
    this.#upgrade = upgrade;
    this.#listener = listener;
    this.#tools = tools;
  }

  start(): void {
    const { egress } = this.#plan;
    if (!egress) return this.#send(undefined);
    const { target, proxyOptions } = this.#plan;
    this.#listener.connecting();
    egress
      .connect(connectTo(target, this.#tools.limits.secure, targetTls(proxyOptions)))
      .then((socket) => {
        // There is no other listener until the request uses it.
        socket.on('error', ignore);
        if (this.#over) socket.destroy();
        else this.#send(socket);
      })
      .catch(this.fail);
  }

  readonly cancel = (): void => {
    this.#end();
    this.#proxyReq?.destroy();
  };

  get received(): number {
    return this.#proxyReq?.socket?.bytesRead ?? 0;
  }

  stop(reason: Error): void {
    this.fail(reason);
  }

  readonly fail = (error: unknown): void => {
    if (this.#over) return;
    this.cancel();
    this.#response?.cut();
    this.#listener.failed(error, this.#proxyReq?.reusedSocket);
  };

  #send(tunnel: Socket | undefined): void {
    const { exchange, target, rawHeaders, proxyOptions } = this.#plan;
    const { limits, server } = this.#tools;
    try {
      const options = upgradeOptions(this.#plan, limits, tunnel);
      const proxyReq = isEncrypted(target) ? httpsRequest(options) : httpRequest(options);
      this.#proxyReq = proxyReq;
      // None are left out: the size of the head is what is limited.
      proxyReq.maxHeadersCount = 0;
      proxyReq.on('error', this.fail).on('close', this.#closed);
      for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
        proxyReq.appendHeader(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '');
      }
      // RFC 9110 §10.1.4: TE is for this connection.
      proxyReq.setHeader('Connection', proxyReq.hasHeader('te') ? 'Upgrade, TE' : 'Upgrade');
      const { protocol } = this.#upgrade;
      proxyReq.setHeader('Upgrade', isWebSocket(protocol) ? WEBSOCKET : protocol);
      if (tunnel) this.#listener.connected();
      else proxyReq.once('socket', (socket) => whenOpen(socket, this.#listener));
      proxyReq.on('response', this.#responses).on('upgrade', this.#switches);
      hearInterim(proxyReq, { plan: this.#plan, listener: this.#listener, rules: limits }, this.fail);
      const { req } = exchange;
      const url = asUrl(proxyOptions.target);
      const shown = { ...proxyOptions, ...(url === undefined ? {} : { target: url }) };
      server.emit('proxyReqWs', proxyReq, req, this.#upgrade.socket as Socket, shown, NOTHING);
      this.#sendBody(proxyReq);
    } catch (error) {
      tunnel?.destroy();
      this.fail(error);
    }
  }

  #sendBody(proxyReq: ClientRequest): void {
    const body = this.#plan.body?.open();
    if (!(body instanceof Readable)) {
      proxyReq.end(body);
      return;
    }
    body.on('error', this.fail).once('end', () => {
      this.#uploads = false;
      if (!this.#over) this.#listener.sent();
    });
    this.#uploads = true;
    body.pipe(proxyReq);
  }

  readonly #responses = (proxyRes: IncomingMessage): void => {
    this.#guard(() => this.#respond(proxyRes));
  };

  readonly #switches = (proxyRes: IncomingMessage, socket: Socket, head: Buffer): void => {
    socket.on('error', ignore);
    this.#guard(() => this.#upgraded(proxyRes, socket, head), socket);
    // The connection refers to its request, which would keep the whole call in memory while the WebSocket is open.
    this.#proxyReq?.off('response', this.#responses).off('upgrade', this.#switches);
    this.#proxyReq?.off('close', this.#closed).off('error', this.fail).on('error', ignore);
  };

  /** Runs code that may throw: for a head that cannot be passed on, or in a user's listener. */
  #guard(run: () => void, socket?: Socket): void {
    try {
      run();
    } catch (error) {
      socket?.destroy();
      this.fail(error);
    }
  }

  readonly #closed = (): void => {
    this.fail(Object.assign(new Error('The connection closed'), { code: 'ECONNRESET' }));
  };

  /** A response other than 101: sent to the client with its body, unless there is another attempt. */
  #respond(proxyRes: IncomingMessage): void {
    proxyRes.on('error', this.fail);
    if (this.#over) return void proxyRes.destroy();
    const { exchange } = this.#plan;
    const { limits } = this.#tools;
    // RFC 9110 §15.2.2: it must name the protocol. Without, Node reads it as the response, and the client would wait.
    if (proxyRes.statusCode === 101) throw switchedElsewhere();
    const head = headOf(proxyRes);
    if (!this.#listener.head(head)) return this.cancel();
    const headers = responseHeaders(head.rawHeaders, exchange, {
      status: head.status,
      setCookie: limits.setCookie,
      rewriteLocation: limits.rewriteLocation,
      sent: this.#plan,
    });
    // Once a response has arrived in full its connection may close, while the client still has to read it.
    this.#proxyReq?.off('close', this.#closed);
    const response = new ClientResponse(exchange, head, headers);
    this.#response = response;
    proxyRes.on('data', (chunk: Buffer) => {
      if (response.write(chunk)) return;
      proxyRes.pause();
      response.onDrain(() => proxyRes.resume());
    });
    proxyRes.on('end', () => {
      response.end(proxyRes.rawTrailers);
      this.#end();
      this.#listener.finished();
    });
    proxyRes.on('close', this.#closed);
  }

  #upgraded(proxyRes: IncomingMessage, target: Socket, head: Buffer): void {
    if (this.#over) return void target.destroy();
    const { exchange } = this.#plan;
    const upgrade = this.#upgrade;
    const { socket: client, sockets, onCut, protocol } = upgrade;
    const [chosen = '', ...more] = protocolsOf(proxyRes);
    const isOffered = chosen.toLowerCase() === protocol.toLowerCase() && more.length === 0;
    // RFC 9110 §7.8: to what was offered, and after all of the request.
    if (proxyRes.statusCode !== 101 || !isOffered || this.#uploads) {
      throw switchedElsewhere();
    }
    const { server, limits } = this.#tools;
    const { api } = exchange;
    const responseHead = headOf(proxyRes);
    if (!this.#listener.head(responseHead)) {
      target.destroy();
      return this.cancel();
    }
    exchange.res.sendDate = false;
    new ClientResponse(
      exchange,
      responseHead,
      switchingHeaders(responseHead, exchange, { setCookie: limits.setCookie, chosen }),
    ).end();
    if (head.length > 0) target.unshift(head);
    const leave = (): void => void target.destroy();
    if (client.destroyed) leave();
    client.once('close', leave);
    this.#upgrade.switchOver((early) => {
      client.off('close', leave);
      const ends = { api, client, target, sockets, onCut, limits, raw: !isWebSocket(protocol) };
      const tunnel = new Tunnel(ends, early);
      upgrade.opened?.(tunnel);
      this.#notify(() => server.emit('open', target), target);
    });
    // A listener keeps the call in memory for as long.
    if (server.listenerCount('close') > 0) {
      target.once('close', () => this.#notify(() => server.emit('close', proxyRes, target, head), target));
    }
    this.#end();
    this.#listener.finished();
  }

  /** Runs a user's listener. If it throws, the socket is closed. */
  #notify(run: () => void, target: Socket): void {
    try {
      run();
    } catch {
      target.destroy();
    }
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#tools.over();
  }
}

const switchedElsewhere = (): ProxyError =>
  new ProxyError('ERR_UPSTREAM_PROTOCOL', 'The upstream switched to another protocol');

const NOTHING = Buffer.alloc(0);

/** One function for all, which holds no references. */
const ignore = (): void => {};

const headOf = ({ statusCode = 0, statusMessage = '', rawHeaders }: IncomingMessage) => ({
  status: statusCode,
  statusText: statusMessage,
  rawHeaders,
});

/** The headers of a response without a body, and the two that announce the switch. */
function switchingHeaders(
  { rawHeaders }: ResponseHead,
  exchange: Exchange,
  { setCookie, chosen }: { setCookie: boolean; chosen: string },
): string[] {
  const headers = responseHeaders(rawHeaders, exchange, { status: 101, setCookie });
  const kept = headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'content-length');
  return ['Upgrade', isWebSocket(chosen) ? WEBSOCKET : chosen, 'Connection', 'Upgrade', ...kept];
}
