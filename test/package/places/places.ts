/** What the package does in a place. */
export const WORKS = ['calls', 'streams', 'pages', 'WebSockets'] as const;

export type Work = (typeof WORKS)[number];

/** A server, framework or platform, with the example that shows how it is done there. */
export interface Place {
  /** As its users call it, with the version that is tried. */
  readonly name: string;
  /** Below `examples/frameworks`. */
  readonly example: string;
  /** What the example needs from the npm registry. */
  readonly packages: readonly string[];
  readonly works: readonly Work[];
  /** Who removes the path of the proxy from those of its calls, and what else is to be done. */
  readonly how: string;
  /** Imports of the example that another package stands in for. */
  readonly replaced?: Readonly<Record<string, string>>;
  /** What to run, if it is not the example itself. */
  readonly command?: readonly string[];
  /** What has to be run before. */
  readonly prepare?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const ALL = WORKS;
const MOUNT = "`mount: '/api'`";

export const PLACES: readonly Place[] = [
  {
    name: 'Express 5',
    example: 'express.mjs',
    packages: ['express@5'],
    works: ALL,
    how: "`app.use('/api', proxy)`",
  },
  {
    name: 'Express 4',
    example: 'express.mjs',
    packages: ['express4@npm:express@4'],
    replaced: { "'express'": "'express4'" },
    works: ALL,
    how: "`app.use('/api', proxy)`",
  },
  {
    name: 'Nest 12 with Express',
    example: 'nest-express.mjs',
    packages: [
      '@nestjs/common@12',
      '@nestjs/core@12',
      '@nestjs/platform-express@12',
      'reflect-metadata@0.2',
      'rxjs@7',
    ],
    works: ALL,
    how: `\`app.use('/api', proxy)\`, before Nest's body parser; with \`forRoutes()\` ${MOUNT}`,
  },
  {
    name: 'Nest 12 with Fastify',
    example: 'nest-fastify.mjs',
    packages: ['@nestjs/platform-fastify@12'],
    works: ALL,
    how: `middleware of a module, \`forRoutes()\`, with ${MOUNT}`,
  },
  {
    name: 'Fastify 5',
    example: 'fastify.mjs',
    packages: ['fastify@5'],
    works: ALL,
    how: `${MOUNT} and \`reply.hijack()\`, in a plugin without body parsers`,
  },
  {
    name: 'Fastify 5 with middie',
    example: 'fastify-middie.mjs',
    packages: ['@fastify/middie@9'],
    works: ALL,
    how: "`app.use('/api', proxy)`",
  },
  {
    name: 'Koa 3',
    example: 'koa.mjs',
    packages: ['koa@3', 'koa-connect@2'],
    works: ALL,
    how: `${MOUNT} and koa-connect`,
  },
  {
    name: 'Hono 4 on Node',
    example: 'hono.mjs',
    packages: ['hono@4', '@hono/node-server@2'],
    works: ALL,
    how: `${MOUNT}, on \`c.env.incoming\` and \`c.env.outgoing\``,
  },
  {
    name: 'Next.js 16, API route',
    example: 'next',
    packages: ['next@16', 'react@19', 'react-dom@19'],
    prepare: ['node_modules/next/dist/bin/next', 'build'],
    command: ['node_modules/next/dist/bin/next', 'start', '--port', '0', '--hostname', '127.0.0.1'],
    works: ['calls', 'streams'],
    how: `${MOUNT} in \`pages/api/[...path].js\`; a route handler of \`app/\` has no response of Node's. Next.js encodes the query anew: \`%20\` becomes \`+\``,
  },
  {
    name: 'Next.js 16, custom server',
    example: 'next',
    packages: [],
    command: ['server.mjs'],
    env: { NODE_ENV: 'production' },
    works: ALL,
    how: `${MOUNT}, in front of Next.js' own handler`,
  },
  {
    name: 'Vite 8, development server',
    example: 'vite.mjs',
    packages: ['vite@8'],
    works: ALL,
    how: `${MOUNT} in a plugin`,
  },
  { name: '`node:http`', example: 'node-http.mjs', packages: [], works: ALL, how: MOUNT },
  {
    name: '`node:http2`',
    example: 'http2.mjs',
    packages: [],
    works: ALL,
    how: `${MOUNT}; WebSockets by HTTP/1.1`,
  },
  {
    name: 'serverless-http 4',
    example: 'serverless.mjs',
    packages: ['serverless-http@4'],
    command: ['lambda.mjs'],
    works: ['calls'],
    how: `${MOUNT}; a response is sent when it is complete, and \`redis\` shares what instances know`,
  },
];
