/** A row of the page. */
export interface Topic {
  readonly refusedFor?: string;
}
export const TOPICS: Readonly<Record<string, Topic>> = {
  agent: { refusedFor: 'agent' },
  autoRewrite: { refusedFor: 'autoRewrite' },
  ca: { refusedFor: 'ca' },
  'target.socketPath': { refusedFor: 'target.socketPath' },
  cookieDomainRewrite: { refusedFor: 'cookieDomainRewrite' },
  cookiePathRewrite: { refusedFor: 'cookiePathRewrite' },
  followRedirects: { refusedFor: 'followRedirects' },
  hostRewrite: { refusedFor: 'hostRewrite' },
  localAddress: { refusedFor: 'localAddress' },
  protocolRewrite: { refusedFor: 'protocolRewrite' },
  proxyTimeout: { refusedFor: 'proxyTimeout' },
  selfHandleResponse: { refusedFor: 'selfHandleResponse' },
  ssl: { refusedFor: 'ssl' },
  timeout: { refusedFor: 'timeout' },
  toProxy: { refusedFor: 'toProxy' },
  responseInterceptor: { refusedFor: 'selfHandleResponse' },
  'on.proxyReq': { refusedFor: 'on.proxyReq' },
  'on.proxyRes': { refusedFor: 'on.proxyRes' },
  'on.end': { refusedFor: 'on.end' },
  'on.econnreset': { refusedFor: 'on.econnreset' },
};
