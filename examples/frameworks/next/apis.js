import { resilientProxy } from 'resilient-proxy-out';

// `next dev` loads the module anew after each change, and there is to be one proxy.
globalThis.proxy ??= resilientProxy({
  mount: '/api',
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});

export const { proxy } = globalThis;
