import { differs, requestsOf } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request } from '../support/wire.js';

/** Request headers: added, credentials, method, forwarded. */
export const HEADER_CASES: readonly ParityCase[] = [
  {
    topic: 'headers',
    name: 'added, and replacing the client’s',
    options: ({ url }) => ({
      target: url,
      headers: { 'x-added': '1', 'x-mine': 'ours', 'User-Agent': 'us' },
    }),
    send: request('GET /', ['X-Mine: theirs', 'X-Other: 1']),
    shows: [/x-added: 1/, /x-mine: ours/],
  },
  {
    topic: 'headers',
    name: 'in another letter case than the client’s',
    options: ({ url }) => ({ target: url, headers: { 'X-Mine': 'ours' } }),
    send: request('GET /', ['x-mine: theirs']),
    shows: /x-mine: ours/,
  },
  {
    topic: 'headers',
    name: 'a list becomes one line each',
    options: ({ url }) => ({ target: url, headers: { 'x-many': ['1', '2'] } }),
    shows: /x-many: 1\n.*x-many: 2/,
  },
  {
    topic: 'headers',
    name: 'host',
    options: ({ url }) => ({ target: url, headers: { host: 'set.example' } }),
    shows: /> host: set.example/,
  },
  {
    topic: 'headers',
    name: 'authorization replaces auth and the client’s',
    options: ({ url }) => ({ target: url, auth: 'a:b', headers: { authorization: 'Bearer x' } }),
    send: request('GET /', ['Authorization: Basic theirs']),
    shows: /> authorization: /,
  },
  {
    topic: 'auth',
    name: 'user and password',
    options: ({ url }) => ({ target: url, auth: 'user:p:a ss' }),
    shows: /authorization: Basic dXNlcjpwOmEgc3M=/,
  },
  {
    topic: 'auth',
    name: 'beside credentials of the client',
    options: ({ url }) => ({ target: url, auth: 'user:pass' }),
    send: request('GET /', ['Authorization: Bearer theirs']),
    shows: /authorization: /,
  },
  {
    topic: 'auth',
    name: 'in the URL of the target',
    options: (world) => ({ target: `http://user:pa%40ss@127.0.0.1:${world.at('main').port}` }),
    differs: {
      both: [
        differs(
          'credentials in the URL of the target are sent',
          'that is what a URL has them for',
          (expected) => {
            for (const message of requestsOf(expected))
              message.headers.push(['authorization', 'Basic dXNlcjpwYUBzcw==']);
          },
        ),
      ],
    },
    shows: /> GET \//,
  },
  {
    topic: 'method',
    name: 'in place of the client’s',
    options: ({ url }) => ({ target: url, method: 'POST' }),
    send: request('PUT /m', [], 'body'),
    shows: /> POST \/m/,
  },
  {
    topic: 'method',
    name: 'POST for a GET without a body',
    options: ({ url }) => ({ target: url, method: 'POST' }),
    send: request('GET /m'),
    shows: /> POST \/m/,
  },
  {
    topic: 'xfwd',
    name: 'adds four headers',
    options: ({ url }) => ({ target: url, xfwd: true }),
    send: request('GET /', ['Host: app.example:8080']),
    shows: [
      /x-forwarded-for: 127.0.0.1/,
      /x-forwarded-port: 8080/,
      /x-forwarded-proto: http/,
      /x-forwarded-host: app/,
    ],
  },
  {
    topic: 'xfwd',
    name: 'without a port in Host',
    options: ({ url }) => ({ target: url, xfwd: true }),
    shows: /x-forwarded-port: 80\n/,
  },
  {
    topic: 'xfwd',
    name: 'keeps those that the client sends',
    options: ({ url }) => ({ target: url, xfwd: true }),
    send: request('GET /', [
      'X-Forwarded-For: 1.2.3.4, 5.6.7.8',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: out.example',
    ]),
    shows: [/x-forwarded-for: 1.2.3.4, 5.6.7.8/, /x-forwarded-proto: https/, /x-forwarded-port: 80/],
  },
  {
    topic: 'xfwd',
    name: 'with changeOrigin',
    options: ({ url }) => ({ target: url, xfwd: true, changeOrigin: true }),
    shows: /x-forwarded-host: app.example/,
  },
];
