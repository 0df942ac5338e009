// A function behind API Gateway and the like. A response is sent when it is complete, and each instance has its own
// circuits and limits, unless `redis` shares them. Statistics need an instance that lives on, so they are off.
import { resilientProxy } from 'resilient-proxy-out';
import serverless from 'serverless-http';

const proxy = resilientProxy({
  mount: '/api',
  stats: false,
  apis: { demo: { target: process.env.TARGET ?? 'https://api.example.com' } },
});

export const handler = serverless((req, res) => {
  proxy(req, res, () => res.end('hello'));
});
