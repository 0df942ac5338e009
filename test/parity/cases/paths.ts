import { differs, failsWith, pathAlone, refusedAtOnce, thrownByFilter } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

const two = {
  main: { replies: [response('200 OK', [], 'main')] },
  other: { replies: [response('200 OK', [], 'other')] },
};

/** Which calls are forwarded, and with which path. */
export const PATH_CASES: readonly ParityCase[] = [
  ...(['/api', '/api/v1'] as const).map(
    (pathFilter): ParityCase => ({
      topic: 'pathFilter',
      name: `string ${pathFilter}`,
      options: ({ url }) => ({ target: url, pathFilter }),
      send: [request('GET /api/v1/x'), request('GET /api/v2'), request('GET /'), request('GET /x/api/v1')],
      shows: [/> GET \/api\/v1\/x/, /next\(\)/],
    }),
  ),
  {
    topic: 'pathFilter',
    name: 'list of strings',
    options: ({ url }) => ({ target: url, pathFilter: ['/a', '/b'] }),
    send: [request('GET /a/1'), request('GET /b?c'), request('GET /c')],
    shows: [/> GET \/b\?c/, /next\(\)/],
  },
  {
    topic: 'pathFilter',
    name: 'glob',
    options: ({ url }) => ({ target: url, pathFilter: '/api/**/*.html' }),
    send: [request('GET /api/a/b.html?x=1'), request('GET /api/b.json'), request('GET /b.html')],
    shows: [/> GET \/api\/a\/b.html\?x=1/, /next\(\)\n +next\(\)/],
  },
  {
    topic: 'pathFilter',
    name: 'list of globs with an exclusion',
    options: ({ url }) => ({ target: url, pathFilter: ['/api/**', '!**/bad.json'] }),
    send: [request('GET /api/a'), request('GET /api/bad.json'), request('GET /x')],
    shows: [/> GET \/api\/a/, /next\(\)\n +next\(\)/],
  },
  {
    topic: 'pathFilter',
    name: 'function of path and request',
    options: (world) => ({
      target: world.url,
      pathFilter: (pathname, req) => {
        world.note(`pathFilter ${pathname}`);
        return pathname.startsWith('/api') && req.method === 'GET';
      },
    }),
    send: [request('GET /api/a?b'), request('POST /api/a', [], 'x'), request('GET /x')],
    shows: [/pathFilter \/api\/a\n/, /next\(\)/],
  },
  {
    topic: 'pathFilter',
    name: 'function that throws',
    options: ({ url }) => ({
      target: url,
      pathFilter: () => {
        throw new Error('odd');
      },
    }),
    differs: { both: [thrownByFilter('odd')] },
    shows: /next\(\)/,
  },
  {
    topic: 'pathFilter',
    name: 'strings and globs mixed',
    options: ({ url }) => ({ target: url, pathFilter: ['/a', '/b/**'] }),
    ...refusedAtOnce('pathFilter', 'plain then matches no call, and logs an error each time'),
    shows: /next\(\)/,
  },
  {
    topic: 'pathRewrite',
    name: 'table',
    options: ({ url }) => ({ target: url, pathRewrite: { '^/old': '/new', '^/new': '/never', '^/rm': '' } }),
    send: [request('GET /old/x?old'), request('GET /rm/y'), request('GET /z')],
    shows: [/> GET \/new\/x\?old/, /> GET \/y/, /> GET \/z/],
  },
  {
    topic: 'pathRewrite',
    name: 'table with groups',
    options: ({ url }) => ({ target: `${url}/base`, pathRewrite: { '^/(\\w+)/(\\w+)': '/$2/$1' } }),
    send: request('GET /a/b?c'),
    shows: /> GET \/base\/b\/a\?c/,
  },
  {
    topic: 'pathRewrite',
    name: 'function',
    options: (world) => ({
      target: world.url,
      pathRewrite: (path, req) => {
        world.note(`pathRewrite ${path} of ${req.url}`);
        return `${path}&added`;
      },
    }),
    send: request('GET /a?b'),
    shows: [/> GET \/a\?b&added/, /pathRewrite \/a\?b of \/a\?b/],
  },
  {
    topic: 'pathRewrite',
    name: 'function that returns nothing, or no slash in front',
    options: ({ url }) => ({ target: url, pathRewrite: (path) => (path === '/a' ? undefined : 'bare') }),
    send: [request('GET /a'), request('GET /b')],
    shows: [/> GET \/a /, /> GET \/bare /],
  },
  {
    topic: 'pathRewrite',
    name: 'async function',
    options: ({ url }) => ({ target: url, pathRewrite: async (path) => `/async${path}` }),
    send: request('POST /a', [], 'body'),
    shows: [/> POST \/async\/a/, /"body"/],
  },
  {
    topic: 'pathRewrite',
    name: 'throws',
    options: ({ url }) => ({
      target: url,
      pathRewrite: () => {
        throw new Error('no path');
      },
    }),
    shows: /next\(no path\)/,
  },
  {
    topic: 'pathRewrite',
    name: 'rejects',
    options: ({ url }) => ({ target: url, pathRewrite: () => Promise.reject(new Error('no path')) }),
    shows: /next\(no path\)/,
  },
  {
    topic: 'pathRewrite',
    name: 'behind a router, which sees the path of the client',
    upstreams: two,
    options: (world) => ({
      target: world.url,
      router: { '/old': world.at('other').url },
      pathRewrite: { '^/old': '/new' },
    }),
    send: request('GET /old/x'),
    shows: /upstream other[\s\S]*> GET \/new\/x/,
  },
  {
    topic: 'pathRewrite',
    name: 'leaves the target’s path',
    options: ({ url }) => ({ target: `${url}/base`, pathRewrite: () => '/../admin' }),
    differs: {
      both: [
        differs(
          'a path that leaves the target’s base path is refused',
          'a client must not reach another API of the host',
          (expected, _facts) => {
            expected.upstreams = { main: { connections: 0, requests: [] } };
          },
        ),
        failsWith('ERR_BAD_REQUEST', '400 Bad Request'),
      ],
    },
    shows: /\.\.\/admin/,
  },
  {
    topic: 'pathRewrite',
    name: 'pattern that is not valid',
    options: ({ url }) => ({ target: url, pathRewrite: { '^/(': '/' } }),
    ...refusedAtOnce('pathRewrite.^/(', 'plain throws a SyntaxError that does not name the option'),
    shows: /refused: SyntaxError/,
  },
  {
    topic: 'ignorePath',
    name: 'only the path of the target',
    options: ({ url }) => ({ target: `${url}/fixed?k=1`, ignorePath: true }),
    send: request('GET /x?y=2'),
    shows: /> GET \/fixed\?k=1 /,
  },
  {
    topic: 'ignorePath',
    name: 'without a path in the target',
    options: ({ url }) => ({ target: url, ignorePath: true }),
    send: request('GET /x?y=2'),
    shows: /> GET \/ /,
  },
  {
    topic: 'prependPath',
    name: 'false has no effect',
    options: ({ url }) => ({ target: `${url}/base`, prependPath: false }),
    send: request('GET /x'),
    shows: /> GET \/base\/x /,
  },
  {
    topic: 'prependPath',
    name: 'true',
    options: ({ url }) => ({ target: `${url}/base/`, prependPath: true }),
    send: request('GET /x'),
    shows: /> GET \/base\/x /,
  },
  {
    topic: 'toProxy',
    name: 'puts the URL after a slash',
    options: ({ url }) => ({ target: url, toProxy: true }),
    send: request('GET /x?y'),
    shows: /> GET \/\/x\?y /,
  },
  {
    topic: 'toProxy',
    name: 'with a path in the target',
    options: ({ url }) => ({ target: `${url}/base`, toProxy: true }),
    send: request('GET /x?y'),
    shows: /> GET \/base\/\/x\?y /,
  },
  {
    topic: 'toProxy',
    name: 'absolute-form from the client',
    options: ({ url }) => ({ target: url, toProxy: true }),
    send: request('GET http://elsewhere.example/x'),
    differs: { both: [pathAlone('/')] },
    shows: /> GET \/http:\/\/elsewhere.example\/x/,
  },
];
