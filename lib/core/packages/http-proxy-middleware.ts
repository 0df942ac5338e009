export { createProxyMiddleware } from 'http-proxy-middleware';
