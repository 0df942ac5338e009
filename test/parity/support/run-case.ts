import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import express from 'express';
import { createProxyMiddleware, type Options } from 'http-proxy-middleware';
import type { Handler } from '../../../lib/core/exchange.js';
import { forward, resiliencePlugin } from '../../../lib/upstream/forward.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';
import { onCleanup } from '../../support/cleanup.js';
import { listening } from '../../support/listening.js';
import { type RawClient, rawClient } from '../../support/raw-client.js';
import { until } from '../../support/until.js';
import { collectCrashes } from './crashes.js';
import type { Facts, Observation } from './observation.js';
import type { ParityCase } from './parity-case.js';
import { type ScriptedUpstream, startScripted } from './scripted-upstream.js';
import { type Message, readMessages, request, response } from './wire.js';
import { codeOf, type Subject, World } from './world.js';

const PATIENCE_MS = 6000;
/** Time to wait for a subject that sends no response. */
const SHORT_MS = 400;

type Upgrade = (req: IncomingMessage, socket: Socket, head: Buffer) => void;
type Proxy = Handler & { upgrade: Upgrade; close?: () => Promise<void> };

/** Makes the case's calls through the subject. */
export async function runCase(
  parityCase: ParityCase,
  subject: Subject,
): Promise<{ seen: Observation; facts: Facts }> {
  const upstreams = await startAll(parityCase);
  const world = new World(subject, upstreams);
  return collectCrashes(async (crashes) => {
    let proxy: Proxy;
    try {
      proxy = proxyOf(subject, parityCase.options(world));
    } catch (error) {
      const refused = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return {
        seen: { upstreams: {}, responses: [], calls: [], crashes, refused },
        facts: { requests: [], sent: {} },
      };
    }
    onCleanup(() => proxy.close?.());
    const { client, settled, sentBytes } = await serveTo(parityCase, world, proxy);
    const methods = () => methodsOf(sentBytes());
    let hangs = false;
    if (!parityCase.act) hangs = !(await makeCalls(parityCase, world, client, methods));
    else await Promise.resolve(parityCase.act(client, world)).catch(() => world.note('client gives up'));
    await settled(hangs);
    const responses = readMessages(client.text, { kind: 'response', methods: methods(), closed: true });
    const observation = observed(world, crashes, responses, sentBytes());
    // Closed here: plain may crash when it is closed, which must not affect the next test.
    for (const upstream of Object.values(upstreams)) upstream.hangUp();
    await turns();
    return observation;
  });
}

async function startAll({ upstreams = {} }: ParityCase): Promise<Record<string, ScriptedUpstream>> {
  const scripts = { main: { replies: [response('200 OK', [], 'hello')] }, ...upstreams };
  const started: Record<string, ScriptedUpstream> = {};
  for (const [name, script] of Object.entries(scripts)) started[name] = await startScripted(script);
  return started;
}

function proxyOf(subject: Subject, options: ForwardOptions): Proxy {
  // Its types allow one string per header; forward() also accepts a list.
  const plain = options as Options;
  if (subject === 'plain') return createProxyMiddleware(plain) as Proxy;
  if (subject === 'plugin') {
    return createProxyMiddleware({
      ...plain,
      plugins: [...(plain.plugins ?? []), resiliencePlugin()],
    }) as Proxy;
  }
  return forward({ ...options, transport: subject });
}

/** Serves the handler on Node's server, or in an Express application, and connects a client to it. */
async function serveTo(parityCase: ParityCase, world: World, proxy: Proxy) {
  const open = new Set<ServerResponse>();
  const stages = parityCase.stages?.(world) ?? [];
  const entered = (req: IncomingMessage, res: ServerResponse): void => {
    open.add(res);
    res.on('close', () => open.delete(res));
    world.entered(req, res);
  };
  const failed = (error: unknown, res: ServerResponse): void => {
    world.note(error === undefined ? 'next()' : `next(${codeOf(error)})`);
    if (!res.headersSent) responsePlainly(res, error);
  };
  const server =
    parityCase.host === 'express'
      ? createServer(expressApp(stages, proxy, entered, failed))
      : createServer((req, res) => {
          entered(req, res);
          inTurn([...stages, proxy], req, res, (error) => failed(error, res));
        });
  if (parityCase.upgrades)
    server.on('upgrade', (req, socket, head) => proxy.upgrade(req, socket as Socket, head));
  const { port } = await listening(server);
  world.port = port;
  const client = await rawClient(port);
  let bytes = '';
  const { send } = client;
  client.send = (more) => {
    bytes += typeof more === 'string' ? more : more.toString('latin1');
    send(more);
  };
  const settled = async (hangs: boolean): Promise<void> => {
    const patience = parityCase.hangs?.includes(world.subject) ? SHORT_MS : PATIENCE_MS;
    // A call that got no response in time is not waited for again.
    const left = hangs ? 0 : patience;
    await atMost(() => open.size === 0, left);
    await atMost(() => parityCase.waitsFor?.(world) ?? true, patience);
    const quiet = () => Object.values(world.upstreams).every((upstream) => upstream.quiet());
    await atMost(quiet, hangs ? 0 : SHORT_MS);
    await turns();
    client.destroy();
    await atMost(() => open.size === 0, patience);
    await turns();
  };
  return { client, settled, sentBytes: () => bytes };
}

function inTurn(
  handlers: Handler[],
  req: IncomingMessage,
  res: ServerResponse,
  last: (error?: unknown) => void,
): void {
  const [first, ...rest] = handlers;
  if (!first) return last();
  first(req, res, (error) => (error === undefined ? inTurn(rest, req, res, last) : last(error)));
}

function expressApp(
  stages: Handler[],
  proxy: Proxy,
  entered: (req: IncomingMessage, res: ServerResponse) => void,
  failed: (error: unknown, res: ServerResponse) => void,
) {
  const app = express();
  app.disable('x-powered-by');
  app.use((req, res, next) => {
    entered(req, res);
    next();
  });
  app.use('/mounted', ...stages, proxy);
  app.use((_req, res) => failed(undefined, res));
  const onError: express.ErrorRequestHandler = (error, _req, res, _next) => failed(error, res);
  app.use(onError);
  return app;
}

/** The same for every error, so that only what reached `next` can differ. */
function responsePlainly(res: ServerResponse, error: unknown): void {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
  res.statusCode = error === undefined ? 404 : status;
  res.setHeader('date', 'Mon, 23 Nov 2026 10:00:00 GMT');
  res.end(error === undefined ? 'passed on' : `failed: ${codeOf(error)}`);
}

/** @returns whether the last call got a response */
async function makeCalls(
  { send = request('GET /'), hangs = [] }: ParityCase,
  { subject }: World,
  client: RawClient,
  methods: () => string[],
): Promise<boolean> {
  const finals = () =>
    readMessages(client.text, { kind: 'response', methods: methods(), closed: client.closed }).filter(
      ({ start }) => !/ 1(?!01)\d\d /.test(start),
    ).length;
  let expected = 0;
  let responded = true;
  for (const bytes of [send].flat()) {
    client.send(bytes);
    expected++;
    responded = await atMost(
      () => client.closed || finals() >= expected,
      hangs.includes(subject) ? SHORT_MS : PATIENCE_MS,
    );
  }
  return responded;
}

function observed(
  world: World,
  crashes: string[],
  responses: Message[],
  bytes: string,
): { seen: Observation; facts: Facts } {
  const entries = Object.entries(world.upstreams);
  const seen: Observation = {
    upstreams: Object.fromEntries(
      entries.map(([name, { connections, requests }]) => [name, { connections, requests: requests() }]),
    ),
    responses,
    calls: world.calls,
    crashes,
    refused: undefined,
  };
  const facts: Facts = {
    requests: readMessages(bytes, { kind: 'request', closed: true }),
    sent: Object.fromEntries(entries.map(([name, upstream]) => [name, upstream.sent()])),
  };
  return nameless({ seen, facts }, world);
}

/** Replaces ports, socket paths and times, which differ from run to run, by names. */
function nameless<T>(value: T, world: World): T {
  let text = JSON.stringify(value);
  for (const [name, { port, socketPath }] of Object.entries(world.upstreams)) {
    if (port > 0) text = text.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), `{${name}}`);
    if (socketPath) text = text.replaceAll(socketPath, `{${name}.sock}`);
  }
  text = text.replaceAll(new RegExp(`\\b${world.port}\\b`, 'g'), '{proxy}');
  const date = /\["[Dd]ate","(?!Mon, 23 Nov 2026 10:00:00 GMT)[^"]*"\]/g;
  return JSON.parse(text.replaceAll(date, '["date","now"]')) as T;
}

const methodsOf = (bytes: string): string[] =>
  readMessages(bytes, { kind: 'request', closed: true }).map(({ start }) => start.split(' ')[0] ?? '');

/** Waits without failing: what has not arrived is missing in the transcript. @returns whether it has arrived */
async function atMost(condition: () => boolean, ms: number): Promise<boolean> {
  return until(condition, 'quiet', ms).then(
    () => true,
    () => false,
  );
}

/** Lets pending work of the process finish. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
