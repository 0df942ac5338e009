import { headerValue } from '../../http/headers.js';
import type { RawHeaders } from './headers.js';

/** Methods that change nothing (IANA's registry); all others do, unregistered ones included (RFC 9111 §4.4). */
const SAFE_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PROPFIND',
  'QUERY',
  'REPORT',
  'SEARCH',
  'TRACE',
]);

/** The parts of a finished request that invalidation depends on. */
export interface FinishedCall {
  readonly method: string;
  /** Absolute URI of the target, as the upstream sees it. */
  readonly targetUri: string;
  readonly status: number;
  /** The response's. */
  readonly rawHeaders: RawHeaders;
  /** Other origins of the same target, such as the one clients use. */
  readonly sameOrigins?: readonly string[];
  /** Methods that read here whatever their name says, such as a POST stored in `ttl` mode. */
  readonly readMethods?: ReadonlySet<string> | undefined;
}

/**
 * Paths with query whose stored responses a request made invalid: its own, and those its `Location` and
 * `Content-Location` name on the same origin (RFC 9111 §4.4). Empty for a safe method or an error.
 */
export function invalidatedPaths(call: FinishedCall): string[] {
  if (!hasChanged(call)) return [];
  const target = parseUri(call.targetUri);
  if (!target) return [];
  const origins = new Set([target.origin, ...(call.sameOrigins ?? [])]);
  const paths = new Set([pathOf(target)]);
  for (const name of ['location', 'content-location']) {
    const reference = headerValue(call.rawHeaders, name);
    const uri = reference === undefined ? undefined : parseUri(reference, target);
    // Responses of another origin must not be invalidated from here.
    if (uri && origins.has(uri.origin)) paths.add(pathOf(uri));
  }
  return [...paths];
}

/** Whether a request has changed its resource: its method is unsafe, and it is no error. */
export function hasChanged({ method, status, readMethods }: Omit<FinishedCall, 'targetUri'>): boolean {
  return !SAFE_METHODS.has(method) && !readMethods?.has(method) && status >= 200 && status < 400;
}

/**
 * Whether the response to a POST is what GET on the same URI would get: 200 with the target as its `Content-Location`
 * (RFC 9110 §9.3.3). It is stored under the key of the GET, with explicit freshness only.
 */
export function isOwnContentLocation(
  request: { readonly method: string; readonly targetUri?: string },
  response: { readonly status: number; readonly rawHeaders: RawHeaders },
): boolean {
  if (request.method !== 'POST' || response.status !== 200 || request.targetUri === undefined) return false;
  const reference = headerValue(response.rawHeaders, 'content-location');
  const target = parseUri(request.targetUri);
  if (reference === undefined || !target) return false;
  const uri = parseUri(reference, target);
  return uri !== undefined && uri.origin === target.origin && pathOf(uri) === pathOf(target);
}

function parseUri(reference: string, base?: URL): URL | undefined {
  return URL.canParse(reference, base?.href) ? new URL(reference, base) : undefined;
}

function pathOf(uri: URL): string {
  return uri.pathname + uri.search;
}
