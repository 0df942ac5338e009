import http from 'node:http';
import https from 'node:https';
import type { ProxyTarget } from 'httpxy';
import { ProxyError } from '../../core/errors.js';
import { joinedHeaders } from '../../http/headers.js';
import type { OnFailure } from '../node/listeners.js';
import { NodePools } from '../node/pools.js';
import { frame } from '../node/stand-in.js';
import { TARGET_PARTS } from '../options/choose-transport.js';
import type { ConnectionOptions } from '../undici/transport.js';
import type { RequestBody } from './body-rules.js';
import type { Target } from './target.js';

/** A request to copy, and where to. */
export interface CopiedRequest {
  readonly target: Target;
  readonly method: string;
  readonly path: string;
  readonly rawHeaders: readonly string[];
  readonly body: RequestBody | undefined;
  /** The target as configured: it may have a socket path, or certificates. */
  readonly to: ProxyTarget;
  readonly ssl: object | undefined;
}

/**
 * Sends a copy of each call to the target that `forward` names, once, whatever happens to the call. The responses are
 * read and discarded; a failed copy is only logged.
 */
export class RequestCopies {
  readonly #options: ConnectionOptions;
  readonly #lost: OnFailure;
  readonly #pools: NodePools;

  constructor(options: ConnectionOptions, lost: OnFailure) {
    this.#options = options;
    this.#lost = lost;
    this.#pools = new NodePools(options.connections);
  }

  /** Copies in progress or waiting for a connection. */
  #open = 0;

  /** To be called before the body is opened for the target itself: both read it as it arrives. */
  send({ target, method, path, rawHeaders, body, to, ssl }: CopiedRequest): void {
    if (this.#open >= WAITING_PER_CONNECTION * this.#options.connections) {
      this.#lost(new ProxyError('ERR_QUEUE_FULL', 'A copy was dropped: its receiver is too slow'));
      return;
    }
    const { hostname, port, protocol } = new URL(target.origin);
    const encrypted = protocol === 'https:';
    const headers: http.OutgoingHttpHeaders = joinedHeaders(rawHeaders);
    frame(headers, body);
    const { secure, bodyTimeoutMs } = this.#options;
    const copy = (encrypted ? https : http).request({
      ...(encrypted ? { servername: target.servername ?? '', ...ssl, rejectUnauthorized: secure } : {}),
      ...detailsOf(to),
      agent: this.#pools.of(encrypted),
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port: port || (encrypted ? 443 : 80),
      method,
      path,
      headers,
      // A stalled copy would hold up the upload of the call itself.
      ...(bodyTimeoutMs === 0 ? {} : { timeout: bodyTimeoutMs }),
    });
    this.#open++;
    copy.on('close', () => {
      this.#open--;
    });
    copy.on('timeout', () => copy.destroy(new Error('The receiver of the copy stopped reading')));
    copy.on('error', (cause) =>
      this.#lost(new ProxyError('ERR_INTERNAL', 'The copy of a call failed', { cause })),
    );
    copy.on('response', (response) => response.on('error', () => {}).resume());
    if (body) body.copyTo(copy);
    else copy.end();
  }

  close(): void {
    this.#pools.close();
  }
}

// A receiver that hangs must not pile up the calls of half a minute.
const WAITING_PER_CONNECTION = 4;

function detailsOf(to: ProxyTarget): object {
  if (typeof to === 'string' || to instanceof URL) return {};
  return Object.fromEntries(
    Object.entries(to).filter(([name, value]) => value !== undefined && TARGET_PARTS.includes(name)),
  );
}
