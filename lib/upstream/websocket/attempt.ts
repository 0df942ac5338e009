import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { ProxyServer } from 'httpxy';
import { ProxyError } from '../../core/errors.js';
import type { Upgrade } from '../../core/upgrade.js';
import { meansWebSocket } from '../../websocket/upgrade.js';
import { targetTls } from '../options/tls-options.js';
import { asUrl } from '../request/target.js';
import { ClientResponse } from '../response/client-response.js';
import { responseHeaders } from '../response/headers.js';
import type { AttemptListener, Plan } from '../transport.js';
import type { ConnectionOptions } from '../undici/transport.js';
import { connectTo, isEncrypted, upgradeOptions } from './options.js';
import { Tunnel } from './tunnel.js';

/** What an attempt has of its transport. */
export interface UpgradeTools {
  readonly server: ProxyServer;
  readonly limits: ConnectionOptions;
  /** Called once when it has an end, or has become a WebSocket. */
  over(): void;
}

/** One attempt at a handshake: to the 101 that makes a tunnel of it, or to the end of any other answer. */
export class UpgradeAttempt {
  readonly #plan: Plan;
  readonly #upgrade: Upgrade;
  readonly #listener: AttemptListener;
  readonly #tools: UpgradeTools;
  #proxyReq: ClientRequest | undefined;
  #response: ClientResponse | undefined;
  #over = false;

  constructor(plan: Plan, listener: AttemptListener, tools: UpgradeTools) {
    const { upgrade } = plan.exchange;
    if (!upgrade) throw new ProxyError('ERR_INTERNAL', 'No upgrade was asked for');
    this.#plan = plan;
    this.#upgrade = upgrade;
    this.#listener = listener;
    this.#tools = tools;
  }

  start(): void {
    const { egress } = this.#plan;
    if (!egress) return this.#ask(undefined);
    const { target, proxyOptions } = this.#plan;
    egress
      .connect(connectTo(target, this.#tools.limits.secure, targetTls(proxyOptions)))
      .then((socket) => {
        // Nobody else listens while it waits for its request.
        socket.on('error', ignore);
        if (this.#over) socket.destroy();
        else this.#ask(socket);
      })
      .catch(this.fail);
  }

  readonly cancel = (): void => {
    this.#end();
    this.#proxyReq?.destroy();
  };

  readonly fail = (error: unknown): void => {
    if (this.#over) return;
    this.cancel();
    const told = this.#response ? this.#response.cut(error) : error;
    this.#listener.failed(told, this.#proxyReq?.reusedSocket);
  };

  #ask(tunnel: Socket | undefined): void {
    const { exchange, target, rawHeaders, proxyOptions } = this.#plan;
    const { limits, server } = this.#tools;
    try {
      const options = upgradeOptions(this.#plan, limits, tunnel);
      const proxyReq = isEncrypted(target) ? httpsRequest(options) : httpRequest(options);
      this.#proxyReq = proxyReq;
      proxyReq.on('error', this.fail).on('close', this.#closed);
      for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
        proxyReq.appendHeader(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '');
      }
      proxyReq.setHeader('Connection', 'Upgrade');
      proxyReq.setHeader('Upgrade', 'websocket');
      if (tunnel) this.#listener.connected();
      else proxyReq.once('socket', (socket) => this.#watchConnect(socket));
      proxyReq.on('response', this.#responses).on('upgrade', this.#switches);
      const { req } = exchange;
      const told = { ...proxyOptions, target: asUrl(proxyOptions.target) };
      server.emit('proxyReqWs', proxyReq, req, this.#upgrade.socket as Socket, told, NOTHING);
      proxyReq.end();
    } catch (error) {
      tunnel?.destroy();
      this.fail(error);
    }
  }

  readonly #responses = (proxyRes: IncomingMessage): void => {
    this.#guard(() => this.#answered(proxyRes));
  };

  readonly #switches = (proxyRes: IncomingMessage, socket: Socket, head: Buffer): void => {
    socket.on('error', ignore);
    this.#guard(() => this.#upgraded(proxyRes, socket, head), socket);
    // The connection keeps its request, which would keep all of the call for as long as the WebSocket lasts.
    this.#proxyReq?.off('response', this.#responses).off('upgrade', this.#switches);
    this.#proxyReq?.off('close', this.#closed).off('error', this.fail).on('error', ignore);
  };

  /** Runs what may throw: a head that cannot be passed on, a listener of the user's. */
  #guard(run: () => void, socket?: Socket): void {
    try {
      run();
    } catch (error) {
      socket?.destroy();
      this.fail(error);
    }
  }

  #watchConnect(socket: Socket): void {
    const encrypted = isEncrypted(this.#plan.target);
    const late = (): void => {
      if (!this.#over) this.fail(Object.assign(new Error('No connection in time'), { code: 'ETIMEDOUT' }));
    };
    const connected = (): void => {
      socket.setTimeout(0, late);
      this.#listener.connected();
    };
    // An agent of the user's may hand out a connection that was there.
    if (this.#proxyReq?.reusedSocket || (!socket.connecting && !encrypted)) return connected();
    socket.once(encrypted ? 'secureConnect' : 'connect', connected);
    socket.setTimeout(this.#tools.limits.connectTimeoutMs, late);
  }

  readonly #closed = (): void => {
    this.fail(Object.assign(new Error('The connection closed'), { code: 'ECONNRESET' }));
  };

  /** An answer that does not switch: it goes to the client with its body, unless it is tried again. */
  #answered(proxyRes: IncomingMessage): void {
    proxyRes.on('error', this.fail);
    if (this.#over) return void proxyRes.destroy();
    const { exchange } = this.#plan;
    const { limits } = this.#tools;
    const head = headOf(proxyRes);
    if (!this.#listener.head(head)) return this.cancel();
    const headers = responseHeaders(head.rawHeaders, { status: head.status, setCookie: limits.setCookie });
    // Once all of an answer has arrived its connection may close, while it waits for its client to read.
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
    // A client that does not read is no fault of the target's.
    proxyRes.setTimeout(limits.bodyTimeoutMs, () => {
      if (proxyRes.isPaused()) return;
      proxyRes.destroy(Object.assign(new Error('The body stopped'), { code: 'UND_ERR_BODY_TIMEOUT' }));
    });
  }

  #upgraded(proxyRes: IncomingMessage, target: Socket, head: Buffer): void {
    if (this.#over) return void target.destroy();
    if (proxyRes.statusCode !== 101 || !meansWebSocket(proxyRes)) {
      throw new ProxyError('ERR_UPSTREAM_PROTOCOL', 'The upstream switched to another protocol');
    }
    const { exchange } = this.#plan;
    const { socket: client, sockets } = this.#upgrade;
    const { server, limits } = this.#tools;
    const { api } = exchange;
    const answered = headOf(proxyRes);
    if (!this.#listener.head(answered)) {
      target.destroy();
      return this.cancel();
    }
    exchange.res.sendDate = false;
    new ClientResponse(exchange, answered, switchingHeaders(answered, limits.setCookie)).end();
    if (head.length > 0) target.unshift(head);
    const leave = (): void => void target.destroy();
    if (client.destroyed) leave();
    client.once('close', leave);
    this.#upgrade.switchOver((early) => {
      client.off('close', leave);
      new Tunnel({ api, client, target, sockets }, early);
      this.#tell(() => server.emit('open', target), target);
    });
    // It keeps the call for as long.
    if (server.listenerCount('close') > 0) {
      target.once('close', () => this.#tell(() => server.emit('close', proxyRes, target, head), target));
    }
    this.#end();
    this.#listener.finished();
  }

  /** What a listener throws closes the socket that it was told of. */
  #tell(run: () => void, target: Socket): void {
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

const NOTHING = Buffer.alloc(0);

/** One for all, which holds nothing. */
const ignore = (): void => {};

const headOf = ({ statusCode = 0, statusMessage = '', rawHeaders }: IncomingMessage) => ({
  status: statusCode,
  statusText: statusMessage,
  rawHeaders,
});

/** Those of an answer that has no body, and the two that say what happens. */
function switchingHeaders({ rawHeaders }: { rawHeaders: readonly string[] }, setCookie: boolean): string[] {
  const headers = responseHeaders(rawHeaders, { status: 101, setCookie });
  const kept = headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'content-length');
  return ['Upgrade', 'websocket', 'Connection', 'Upgrade', ...kept];
}
