import { request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { ConnectTo } from '../core/egress.js';
import { exhaustedHere } from '../core/exhausted-here.js';
import { DialError } from './dial-error.js';
import type { EgressProxy } from './egress-proxy.js';
import type { ResolvedHealthCheck } from './health-options.js';

/**
 * Requests the URL of a health check through a proxy.
 * @param signal ends it
 * @returns how that has failed, `undefined` where it has not; `'self'` if this process could not do it
 */
export async function requestThrough(
  proxy: EgressProxy,
  { url: text, timeoutMs, expectedStatus }: ResolvedHealthCheck,
  signal: AbortSignal,
): Promise<DialError | 'self' | undefined> {
  const url = new URL(text);
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const encrypted = url.protocol === 'https:';
  const to: ConnectTo = {
    hostname,
    port: Number(url.port) || (encrypted ? 443 : 80),
    encrypted,
    servername: isIP(hostname) ? undefined : hostname,
    rejectUnauthorized: true,
    tls: {},
  };
  const { agent, absoluteForm } = proxy.apart(encrypted, timeoutMs);
  signal.addEventListener('abort', () => agent.close());
  try {
    const beganAt = performance.now();
    const socket = await agent.open(to, absoluteForm !== undefined);
    const leftMs = Math.max(1, timeoutMs - (performance.now() - beganAt));
    const path = absoluteForm ? text : url.pathname + url.search;
    const headers: Record<string, string> = { host: url.host };
    const { rawHeaders = [] } = absoluteForm ?? {};
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers[rawHeaders[i] ?? ''] = rawHeaders[i + 1] ?? '';
    const status = await statusOf(socket, { path, headers, signal }, leftMs);
    const isExpected = expectedStatus ? expectedStatus.includes(status) : status >= 200 && status <= 299;
    // Only a proxy asks for its own credentials.
    if (status === 407) return new DialError('status 407', 'proxy');
    return isExpected ? undefined : new DialError(`status ${status}`, 'target');
  } catch (error) {
    if (error instanceof DialError) return error;
    if (exhaustedHere(error)) return 'self';
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    return new DialError(code ?? 'the connection closed', 'target', error);
  } finally {
    agent.close();
  }
}

/** Its body is not wanted: it may be long, and sellers of proxies count it. */
function statusOf(
  socket: Socket,
  { headers, ...options }: { path: string; headers: Record<string, string>; signal: AbortSignal },
  timeoutMs: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const late = new DialError('no response in time', 'target');
    const timer = setTimeout(() => end(() => reject(late)), timeoutMs);
    timer.unref();
    const end = (settle: () => void) => {
      clearTimeout(timer);
      settle();
      socket.destroy();
    };
    request({ ...options, createConnection: () => socket, headers: { ...headers, connection: 'close' } })
      .on('response', ({ statusCode = 0 }) => end(() => resolve(statusCode)))
      .on('error', (error) => end(() => reject(error)))
      .end();
  });
}
