import { differs, requestsOf, setField } from '../support/deviation.js';
import type { Observation } from '../support/observation.js';
import type { ParityCase } from '../support/parity-case.js';
import { answer, request } from '../support/wire.js';

const COOKIES = [
  'Set-Cookie: a=1; Domain=old.example; Path=/old',
  'Set-Cookie: b=2; path=/; HttpOnly; domain=Other.example',
  'Set-Cookie: c=3',
];
const cookies = { main: { replies: [answer('200 OK', COOKIES, 'x')] } };

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
      ({ write }: { write: (bytes: string) => void }) => write(answer(status, [`Location: ${location}`])),
    ],
  },
});

const passedOn = differs(
  'it goes to the client',
  'nobody can rewrite or follow it; plain crashes',
  (expected, { sent }) => {
    const [found] = sent.main ?? [];
    if (!found) return;
    expected.answers = [
      {
        ...found,
        fields: [...found.fields, ['connection', 'keep-alive'], ['via', '1.1 resilient-proxy-out']],
      },
    ];
    expected.crashes = [];
  },
);

const keptConnections = differs(
  'redirects are followed on connections that are kept',
  'plain opens and closes one for each',
  (expected) => {
    for (const message of requestsOf(expected)) setField(message, 'connection', 'keep-alive');
  },
);
const freeCount = {
  why: 'whether the first connection is free again in time is chance',
  leaveOut: (seen: Observation): void => {
    for (const upstream of Object.values(seen.upstreams))
      upstream.connections = Math.min(1, upstream.connections);
  },
};

/** What the client gets: cookies, redirects, field names. */
export const ANSWER_CASES: readonly ParityCase[] = [
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
      main: { replies: [answer('200 OK', ['Set-Cookie: a=1; Path=/old; Domain=.old.example'], 'x')] },
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
    name: 'location on a status that is no redirect',
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
          ({ write }, { fields }) =>
            write(answer('302 Found', [`Location: //${Object.fromEntries(fields).host}/there`])),
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
    name: 'names of an answer as they came',
    upstreams: {
      main: {
        replies: [
          answer(
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
      why: 'names of fields that this hop adds',
      leaveOut: (seen) => {
        for (const message of [
          ...seen.answers,
          ...Object.values(seen.upstreams).flatMap(({ requests }) => requests),
        ]) {
          message.fields = message.fields.map(([name, value]) =>
            /^(connection|keep-alive|via|host)$/i.test(name) ? [name.toLowerCase(), value] : [name, value],
          );
        }
      },
    },
    shows: [/X-CamelCase: 1/, /x-lower: 2/, /ETag: /],
  },
  {
    topic: 'followRedirects',
    name: 'within the origin',
    upstreams: {
      main: { replies: [answer('302 Found', ['Location: /there?x=1']), answer('200 OK', [], 'arrived')] },
    },
    options: ({ url }) => ({ target: url, followRedirects: true }),
    send: request('GET /here', ['X-Mine: 1']),
    free: freeCount,
    differs: { both: [keptConnections] },
    shows: [/> GET \/there\?x=1/, /"arrived"/],
  },
  ...(
    [
      '301 Moved Permanently',
      '302 Found',
      '303 See Other',
      '307 Temporary Redirect',
      '308 Permanent Redirect',
    ] as const
  ).map(
    (status): ParityCase => ({
      topic: 'followRedirects',
      name: `POST, ${status}`,
      upstreams: {
        main: { replies: [answer(status, ['Location: /there']), answer('200 OK', [], 'arrived')] },
      },
      options: ({ url }) => ({ target: url, followRedirects: true }),
      send: request('POST /here', ['Content-Type: text/plain', 'Authorization: Bearer x'], 'body'),
      free: freeCount,
      differs: { both: [keptConnections] },
      shows: [/\/there HTTP/, /"arrived"/],
    }),
  ),
  {
    topic: 'followRedirects',
    name: 'a number bounds them',
    upstreams: { main: { replies: [answer('302 Found', ['Location: /on'])] } },
    options: ({ url }) => ({ target: url, followRedirects: 2 }),
    free: freeCount,
    differs: { both: [keptConnections] },
    shows: [/> GET \/on[\s\S]*> GET \/on/, /< HTTP\/1.1 302/],
  },
  {
    topic: 'followRedirects',
    name: 'to another origin',
    upstreams: {
      main: {
        replies: [
          ({ write }, { fields }) =>
            write(answer('302 Found', [`Location: ${Object.fromEntries(fields)['x-go'] ?? ''}`])),
        ],
      },
      other: { replies: [answer('200 OK', [], 'elsewhere')] },
    },
    options: (world) => ({
      target: world.url,
      followRedirects: true,
      headers: { 'x-go': `${world.at('other').url}/x` },
    }),
    differs: {
      both: [
        differs(
          'redirects to another origin go to the client',
          'the fields of the call, keys in them, are for the target alone',
          (expected, { sent }) => {
            expected.upstreams.other = { connections: 0, requests: [] };
            const [found] = sent.main ?? [];
            if (!found) return;
            const fields: [string, string][] = [
              ...found.fields,
              ['location', 'http://127.0.0.1:{other}/x'],
              ['connection', 'keep-alive'],
              ['via', '1.1 resilient-proxy-out'],
            ];
            expected.answers = [{ ...found, fields: fields.filter(([name]) => name !== 'Location') }];
          },
        ),
      ],
    },
    shows: [/upstream other: 1/, /"elsewhere"/],
  },
  {
    topic: 'followRedirects',
    name: 'location that cannot be read',
    upstreams: { main: { replies: [answer('302 Found', ['Location: http://[nonsense'])] } },
    options: ({ url }) => ({ target: url, followRedirects: true }),
    hangs: ['plain'],
    differs: { both: [passedOn] },
    shows: /uncaughtException: Invalid URL/,
  },
  {
    topic: 'secure',
    name: 'answer of an upstream without TLS where TLS was expected',
    options: ({ url }) => ({ target: url.replace('http:', 'https:'), secure: false }),
    free: {
      why: 'what arrives is no HTTP',
      leaveOut: (seen) => {
        seen.upstreams = {};
      },
    },
    upstreams: { main: { replies: [], early: true } },
    hangs: ['plain', 'node', 'undici'],
    shows: /./,
  },
];

/** A redirect to the host that the request was for. */
function echoedRedirect(status: string) {
  return {
    main: {
      replies: [
        ({ write }: { write: (bytes: string) => void }, { fields }: { fields: [string, string][] }) =>
          write(answer(status, [`Location: http://${Object.fromEntries(fields).host}/there`])),
      ],
    },
  };
}
