import express from 'express';
import { differs, failsWith, setHeader } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

/** Behind Express. */
export const EXPRESS_CASES: readonly ParityCase[] = [
  {
    topic: 'express',
    name: 'mounted: the path below the mount path is sent',
    host: 'express',
    options: ({ url }) => ({ target: `${url}/base` }),
    send: [request('GET /mounted/x?y'), request('GET /mounted'), request('GET /else')],
    shows: [/> GET \/base\/x\?y/, /next\(\)/],
  },
  {
    topic: 'express',
    name: 'pathFilter and pathRewrite see the path below the mount path',
    host: 'express',
    options: (world) => ({
      target: world.url,
      pathFilter: (path) => {
        world.note(`pathFilter ${path}`);
        return true;
      },
      pathRewrite: (path) => {
        world.note(`pathRewrite ${path}`);
        return path;
      },
    }),
    send: request('GET /mounted/x?y'),
    shows: [/pathFilter \/x\n/, /pathRewrite \/x\?y\n/],
  },
  {
    topic: 'express',
    name: 'headers that earlier stages have set',
    host: 'express',
    stages: () => [
      (_req, res, next) => {
        res.setHeader('x-front', '1');
        res.setHeader('vary', 'origin');
        res.setHeader('set-cookie', 'front=1');
        res.setHeader('cache-control', 'no-store');
        next();
      },
    ],
    upstreams: {
      main: {
        replies: [
          response('200 OK', ['Vary: accept', 'Set-Cookie: back=1', 'Cache-Control: max-age=9'], 'x'),
        ],
      },
    },
    options: ({ url }) => ({ target: url }),
    send: request('GET /mounted/x'),
    differs: {
      both: [
        differs(
          '`Vary` and `Set-Cookie` of earlier stages and of the target are combined',
          'plain loses what was set before',
          (expected) => {
            for (const message of expected.responses) {
              setHeader(message, 'vary', undefined);
              setHeader(message, 'set-cookie', undefined);
              message.headers.push(
                ['vary', 'origin'],
                ['vary', 'accept'],
                ['set-cookie', 'front=1'],
                ['set-cookie', 'back=1'],
              );
            }
          },
        ),
      ],
    },
    shows: [/x-front: 1/, /cache-control: max-age=9/],
  },
  {
    topic: 'express',
    name: 'body that express.json() has parsed, with a stream left unread by others',
    host: 'express',
    stages: () => [express.json() as never],
    options: ({ url }) => ({ target: url }),
    send: request('POST /mounted/x', ['Content-Type: text/csv'], 'a;b'),
    shows: /"a;b"/,
  },
  {
    topic: 'express',
    name: 'error reaches the error handler of the application',
    host: 'express',
    upstreams: { main: { refuses: true } },
    options: ({ url }) => ({ target: url }),
    send: request('GET /mounted/x'),
    differs: { both: [failsWith('ERR_UPSTREAM_CONNECT', '502 Bad Gateway')] },
    shows: /Error occurred while trying to proxy/,
  },
];
