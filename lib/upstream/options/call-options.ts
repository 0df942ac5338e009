import type { Options } from 'http-proxy-middleware';
import type { ProxyServerOptions } from 'httpxy';
import { ProxyError } from '../../core/errors.js';
import { headerName, headerValue } from '../../core/options.js';
import { type HeaderPolicy, type RequestHeaders, requestHeaders } from '../request/headers.js';
import { changesOfCall } from './choose-transport.js';
import type { UpstreamOptions } from './resolve-forward.js';

type HeaderOptions = Pick<Options, 'headers' | 'auth' | 'changeOrigin' | 'xfwd'>;
const HEADER_OPTIONS = ['headers', 'auth', 'changeOrigin', 'xfwd'] as const;

/** What the options of one call say, which a `router` or a `pathRewrite` may have changed for it. */
export class CallOptions {
  readonly #options: UpstreamOptions;
  readonly #given: Options;
  readonly #headers: RequestHeaders;
  /** Whether calls can differ at all. */
  readonly #varies: boolean;

  /** @param given http-proxy-middleware's options, as each call gets them unless it is changed */
  constructor(options: UpstreamOptions, given: Options) {
    this.#options = options;
    this.#given = given;
    this.#headers = requestHeaders(options.headers);
    this.#varies = given.router !== undefined || typeof given.pathRewrite === 'function';
  }

  /** Makes the fields of this call. @throws ProxyError where a field was set that none can send */
  headers(call: ProxyServerOptions): RequestHeaders {
    if (!this.#varies) return this.#headers;
    const given: HeaderOptions = this.#given;
    if (HEADER_OPTIONS.every((name) => call[name] === given[name])) return this.#headers;
    const { headers = {}, auth, changeOrigin = false, xfwd = false } = call;
    const policy: HeaderPolicy = {
      ...this.#options.headers,
      headers: checkedHeaders(headers),
      auth,
      changeOrigin,
      xfwd,
    };
    return requestHeaders(policy);
  }

  /** What carries this call. @throws ProxyError where it asks for what its transport has not */
  transport(call: ProxyServerOptions): 'undici' | 'node' {
    const { transport, forced, undiciOnly } = this.#options;
    if (!this.#varies || transport === 'node') return transport;
    const [changed] = changesOfCall(call, this.#given);
    if (changed === undefined) return transport;
    if (forced) {
      throw new ProxyError(
        'ERR_INTERNAL',
        `A call was given ${changed}, which transport 'undici' cannot honour: use 'auto'`,
      );
    }
    const [tuned] = undiciOnly;
    if (tuned !== undefined) {
      throw new ProxyError(
        'ERR_INTERNAL',
        `A call was given ${changed}, which needs transport 'node', that cannot go with ${tuned}`,
      );
    }
    return 'node';
  }
}

function checkedHeaders(headers: NonNullable<ProxyServerOptions['headers']>): HeaderPolicy['headers'] {
  for (const [name, value] of Object.entries(headers)) {
    const lines: unknown[] = [value].flat();
    if (headerName.safeParse(name).success && lines.every((line) => headerValue.safeParse(line).success))
      continue;
    throw new ProxyError('ERR_INTERNAL', 'A call was given headers that HTTP does not allow');
  }
  return headers;
}
