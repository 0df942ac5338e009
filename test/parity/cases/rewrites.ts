import { passedOn } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request, response } from '../support/wire.js';

const COOKIES = [
  'Set-Cookie: a=1; Domain=old.example; Path=/old',
  'Set-Cookie: b=2; path=/; HttpOnly; domain=Other.example',
  'Set-Cookie: c=3',
];
const cookies = { main: { replies: [response('200 OK', COOKIES, 'x')] } };

const cookieCases = (
  topic: 'cookieDomainRewrite' | 'cookiePathRewrite',
  values: [string, unknown, RegExp][],
) =>
  values.map(
    ([name, value, shows]): ParityCase => ({
      topic,
      name,
      upstreams: cookies,
      ...(value === false ? { refusedFor: null } : {}),
      options: ({ url }) => ({ target: url, [topic]: value }),
      shows,
    }),
  );

const redirect = (status: string, location: string) => ({
  main: {
    replies: [
      ({ write }: { write: (bytes: string) => void }) => write(response(status, [`Location: ${location}`])),
    ],
  },
});

/** What is rewritten for the client: cookies, locations, header names. */
export const REWRITE_CASES: readonly ParityCase[] = [
  ...cookieCases('cookieDomainRewrite', [
    ['a text for all', 'new.example', /a=1; Domain=new.example; Path=\/old/],
    ['an empty text takes it out', '', /a=1; Path=\/old\n/],
    [
      'a table with *',
      { 'old.example': 'new.example', '*': '' },
      /a=1; Domain=new.example[\s\S]*b=2; path=\/; HttpOnly\n/,
    ],
    ['a table without *', { 'old.example': 'new.example' }, /domain=Other.example/],
    ['false', false, /Domain=old.example/],
  ]),
  ...cookieCases('cookiePathRewrite', [
    ['a text for all', '/new', /a=1; Domain=old.example; Path=\/new/],
    ['an empty text takes it out', '', /a=1; Domain=old.example\n/],
    ['a table with *', { '/old': '/new', '*': '/rest' }, /path=\/rest/],
    ['a table without *', { '/old': '/new' }, /Path=\/new/],
    ['false', false, /Path=\/old/],
  ]),
  {
    topic: 'cookieDomainRewrite',
    name: 'with cookiePathRewrite and a single cookie',
    upstreams: {
      main: { replies: [response('200 OK', ['Set-Cookie: a=1; Path=/old; Domain=.old.example'], 'x')] },
    },
    options: ({ url }) => ({
      target: url,
      cookieDomainRewrite: { '.old.example': 'n.example' },
      cookiePathRewrite: { '/old': '/' },
    }),
    shows: /a=1; Path=\/; Domain=n.example/,
  },
  ...(
    [
      '201 Created',
      '301 Moved Permanently',
      '302 Found',
      '307 Temporary Redirect',
      '308 Permanent Redirect',
    ] as const
  ).flatMap((status): ParityCase[] => [
    {
      topic: 'autoRewrite',
      name: `location of the target, ${status}`,
      upstreams: redirect(status, 'http://target.example/there?x=1#y'),
      options: (world) => ({
        target: {
          protocol: 'http:',
          host: 'target.example',
          hostname: '127.0.0.1',
          port: world.at('main').port,
        },
        autoRewrite: true,
      }),
      send: request('GET /', ['Host: app.example:8080']),
      shows: /location: /,
    },
    {
      topic: 'hostRewrite',
      name: `location of the target, ${status}`,
      upstreams: echoedRedirect(status),
      options: ({ url }) => ({ target: url, changeOrigin: true, hostRewrite: 'out.example:81' }),
      shows: /location: http:\/\/out.example:81\/there/,
    },
  ]),
  {
    topic: 'hostRewrite',
    name: 'location of another host stays',
    upstreams: redirect('302 Found', 'http://elsewhere.example/x'),
    options: ({ url }) => ({ target: url, hostRewrite: 'out.example' }),
    shows: /location: http:\/\/elsewhere.example\/x/,
  },
  {
    topic: 'hostRewrite',
    name: 'relative location becomes absolute',
    upstreams: redirect('302 Found', '/there'),
    options: ({ url }) => ({ target: url, hostRewrite: 'out.example' }),
    shows: /location: http:\/\/out.example/,
  },
  {
    topic: 'hostRewrite',
    name: 'location on a status that is not a redirect',
    upstreams: echoedRedirect('200 OK'),
    options: ({ url }) => ({ target: url, changeOrigin: true, hostRewrite: 'out.example' }),
    shows: /location: http:\/\/127.0.0.1:\{main\}\/there/,
  },
  {
    topic: 'hostRewrite',
    name: 'location that cannot be read',
    upstreams: redirect('302 Found', 'http://[nonsense'),
    options: ({ url }) => ({ target: url, hostRewrite: 'out.example' }),
    hangs: ['plain'],
    differs: { both: [passedOn] },
    shows: /uncaughtException/,
  },
  {
    topic: 'autoRewrite',
    name: 'host and port of the client',
    upstreams: echoedRedirect('302 Found'),
    options: ({ url }) => ({ target: url, changeOrigin: true, autoRewrite: true }),
    send: request('GET /', ['Host: app.example:8080']),
    shows: /location: http:\/\/app.example:8080\/there/,
  },
  {
    topic: 'autoRewrite',
    name: 'location without a scheme',
    upstreams: {
      main: {
        replies: [
          ({ write }, { headers }) =>
            write(response('302 Found', [`Location: //${Object.fromEntries(headers).host}/there`])),
        ],
      },
    },
    options: ({ url }) => ({ target: url, changeOrigin: true, autoRewrite: true }),
    shows: /location: \/\/app.example:\{main\}\/there/,
  },
  {
    topic: 'protocolRewrite',
    name: 'https',
    upstreams: echoedRedirect('301 Moved Permanently'),
    options: ({ url }) => ({ target: url, changeOrigin: true, protocolRewrite: 'https' }),
    shows: /location: https:\/\/127.0.0.1:\{main\}\/there/,
  },
  {
    topic: 'protocolRewrite',
    name: 'with autoRewrite',
    upstreams: echoedRedirect('308 Permanent Redirect'),
    options: ({ url }) => ({ target: url, changeOrigin: true, autoRewrite: true, protocolRewrite: 'https' }),
    refusedFor: 'autoRewrite',
    shows: /location: https:\/\/app.example:\{main\}\/there/,
  },
  {
    topic: 'preserveHeaderKeyCase',
    name: 'header names of a response as received',
    upstreams: {
      main: {
        replies: [
          response(
            '200 OK',
            ['X-CamelCase: 1', 'x-lower: 2', 'ETag: "a"', 'Set-Cookie: a=1', 'Set-Cookie: b=2'],
            'x',
          ),
        ],
      },
    },
    options: ({ url }) => ({ target: url, preserveHeaderKeyCase: true }),
    exactNames: true,
    free: {
      why: 'names of headers that this hop adds',
      leaveOut: (seen) => {
        for (const message of [
          ...seen.responses,
          ...Object.values(seen.upstreams).flatMap(({ requests }) => requests),
        ]) {
          message.headers = message.headers.map(([name, value]) =>
            /^(connection|keep-alive|via|host)$/i.test(name) ? [name.toLowerCase(), value] : [name, value],
          );
        }
      },
    },
    shows: [/X-CamelCase: 1/, /x-lower: 2/, /ETag: /],
  },
];

/** A redirect to the host that the request was for. */
function echoedRedirect(status: string) {
  return {
    main: {
      replies: [
        ({ write }: { write: (bytes: string) => void }, { headers }: { headers: [string, string][] }) =>
          write(response(status, [`Location: http://${Object.fromEntries(headers).host}/there`])),
      ],
    },
  };
}
