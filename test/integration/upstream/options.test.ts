import { Agent } from 'node:http';
import { expect } from 'chai';
import { InvalidOptionError } from '../../../lib/core/errors.js';
import { forward } from '../../../lib/upstream/forward.js';
import type { ForwardOptions } from '../../../lib/upstream/options/forward-options.js';

const TARGET = 'http://api.example';

/** Options as JavaScript could give them, whatever the types say. */
const loosely = (options: Record<string, unknown>) => options as ForwardOptions;

function refusal(options: Record<string, unknown>): InvalidOptionError {
  try {
    forward(loosely(options));
  } catch (error) {
    expect(error).to.be.instanceOf(InvalidOptionError);
    return error as InvalidOptionError;
  }
  throw new Error('The options were taken');
}

describe('forward() refuses at construction', () => {
  const wholeNumber = 'must be a whole number';
  for (const [what, options, path, message] of [
    [
      'an unknown option, with a suggestion',
      { target: TARGET, requestTimeoutMS: 5 },
      'forward.requestTimeoutMS',
      'forward.requestTimeoutMS is not an option of forward (did you mean requestTimeoutMs?)',
    ],
    [
      'an OpenResty spelling, with a suggestion',
      { target: TARGET, forward_headers: true },
      'forward.forward_headers',
      'forward.forward_headers is not an option of forward (did you mean forwardHeaders?)',
    ],
    [
      'no target',
      {},
      'forward.target',
      'forward.target is required where no router is given; received undefined',
    ],
    [
      'an empty target',
      { target: '' },
      'forward.target',
      'forward.target must be an absolute http or https URL, as https://api.example.com/v2; received ""',
    ],
    [
      'a file: target',
      { target: 'file:///etc/passwd' },
      'forward.target',
      'forward.target must be an absolute http or https URL, as https://api.example.com/v2; received "file:///etc/passwd"',
    ],
    [
      'a relative target',
      { target: '/v2' },
      'forward.target',
      'forward.target must be an absolute http or https URL, as https://api.example.com/v2; received "/v2"',
    ],
    [
      'a target of a wrong type',
      { target: 5 },
      'forward.target',
      'forward.target must be an absolute http or https URL, as https://api.example.com/v2; received 5',
    ],
    [
      'a wrong type',
      { target: TARGET, changeOrigin: 'yes' },
      'forward.changeOrigin',
      'forward.changeOrigin must be a boolean; received "yes"',
    ],
    [
      'an unknown way to say who the client is',
      { target: TARGET, xfwd: 'yes' },
      'forward.xfwd',
      'forward.xfwd must be true, false, "append" or "replace"; received "yes"',
    ],
    [
      'a rewriteLocation that is no boolean',
      { target: TARGET, rewriteLocation: 'yes' },
      'forward.rewriteLocation',
      'forward.rewriteLocation must be a boolean; received "yes"',
    ],
    [
      'a negative duration',
      { target: TARGET, bodyTimeoutMs: -1 },
      'forward.bodyTimeoutMs',
      'forward.bodyTimeoutMs must be a number of at least 1, or 0 for no limit; received -1',
    ],
    [
      'NaN',
      { target: TARGET, requestTimeoutMs: Number.NaN },
      'forward.requestTimeoutMs',
      'forward.requestTimeoutMs must be a number; received NaN',
    ],
    [
      'a duration above what a timer can hold',
      { target: TARGET, connectTimeoutMs: 2 ** 31 },
      'forward.connectTimeoutMs',
      'forward.connectTimeoutMs must be at most 2147483647; received 2147483648',
    ],
    [
      'half a connection',
      { target: TARGET, connections: 1.5 },
      'forward.connections',
      `forward.connections ${wholeNumber}; received 1.5`,
    ],
    [
      'no connections',
      { target: TARGET, connections: 0 },
      'forward.connections',
      'forward.connections must be at least 1; received 0',
    ],
    [
      'another transport',
      { target: TARGET, transport: 'http2' },
      'forward.transport',
      'forward.transport must be "auto" or "undici" or "node"; received "http2"',
    ],
    [
      'a method in lower case',
      { target: TARGET, method: 'post' },
      'forward.method',
      'forward.method must be a method in capitals, as POST; received "post"',
    ],
    [
      'an event without a function',
      { target: TARGET, on: { error: 'log' } },
      'forward.on.error',
      'forward.on.error must be a function; received "log"',
    ],
    [
      'an option that undici does not support',
      { target: TARGET, transport: 'undici', followRedirects: true },
      'forward.followRedirects',
      "forward.followRedirects cannot be honoured by transport 'undici': use 'node' or 'auto'; received true",
    ],
    [
      'an event that undici does not support',
      { target: TARGET, transport: 'undici', on: { proxyRes: () => {} } },
      'forward.on.proxyRes',
      "forward.on.proxyRes cannot be honoured by transport 'undici': use 'node' or 'auto'; received a function",
    ],
    [
      'an option that the node transport does not support',
      { target: TARGET, transport: 'node', keepAliveTimeoutMs: 5 },
      'forward.keepAliveTimeoutMs',
      "forward.keepAliveTimeoutMs cannot be honoured by transport 'node'; received 5",
    ],
    [
      'an unknown event, with a suggestion',
      { target: TARGET, on: { proxyresp: () => {} } },
      'forward.on.proxyresp',
      'forward.on.proxyresp is not an event (did you mean proxyRes?); received a function',
    ],
    [
      'a response that nothing sends',
      { target: TARGET, selfHandleResponse: true },
      'forward.selfHandleResponse',
      'forward.selfHandleResponse needs a listener on.proxyRes that sends the response, or every call would hang; received true',
    ],
    [
      'an agent that is not one',
      { target: TARGET, agent: { keepAlive: true } },
      'forward.agent',
      'forward.agent must be an agent of node:http or node:https, or false; received an object',
    ],
    [
      'an agent of another protocol',
      { target: 'https://api.example', agent: new Agent() },
      'forward.agent',
      "forward.agent must be an agent for https, the target's protocol; received an object",
    ],
    [
      'a buffer that is not a stream',
      { target: TARGET, buffer: Buffer.from('x') },
      'forward.buffer',
      'forward.buffer must be a readable stream; received an object',
    ],
    [
      'a filter that mixes paths and globs',
      { target: TARGET, pathFilter: ['/api', '/other/**'] },
      'forward.pathFilter',
      'forward.pathFilter must be a path, a glob, a list of either, or a function; paths and globs do not mix; received an array of 2',
    ],
    [
      'a filter of another type',
      { target: TARGET, pathFilter: 5 },
      'forward.pathFilter',
      'forward.pathFilter must be a path, a glob, a list of either, or a function; paths and globs do not mix; received 5',
    ],
    [
      'a rewrite that is not a regular expression',
      { target: TARGET, pathRewrite: { '^/(': '/' } },
      'forward.pathRewrite.^/(',
      'forward.pathRewrite.^/( must have a valid regular expression as its key; received "/"',
    ],
    [
      'a rewrite of another type',
      { target: TARGET, pathRewrite: '/api' },
      'forward.pathRewrite',
      'forward.pathRewrite must be a function or an object of patterns; received "/api"',
    ],
    [
      'a router with a target that is not a URL',
      { router: { '/a': 'nonsense' } },
      'forward.router./a',
      'forward.router./a must be an absolute http or https URL, as https://api.example.com/v2; received "nonsense"',
    ],
    [
      'a logger without functions',
      { target: TARGET, logger: { info: true } },
      'forward.logger',
      'forward.logger must have the functions info, warn and error; received an object',
    ],
    [
      'redirects that are not a number',
      { target: TARGET, followRedirects: -1 },
      'forward.followRedirects',
      'forward.followRedirects must be at least 0; received -1',
    ],
    [
      'cookies rewritten by a number',
      { target: TARGET, cookieDomainRewrite: 5 },
      'forward.cookieDomainRewrite',
      'forward.cookieDomainRewrite must be false, a string, or an object of strings; received 5',
    ],
    [
      'an unsupported protocol',
      { target: TARGET, protocolRewrite: 'ftp' },
      'forward.protocolRewrite',
      'forward.protocolRewrite must be "http" or "https" or "http:" or "https:"; received "ftp"',
    ],
    [
      'a local address that is not an IP address',
      { target: TARGET, localAddress: 'eth0' },
      'forward.localAddress',
      'forward.localAddress must be an IP address of this host; received "eth0"',
    ],
    [
      'a copy to something that is not a URL',
      { target: TARGET, forward: '/copy' },
      'forward.forward',
      'forward.forward must be an absolute http or https URL, as https://api.example.com/v2; received "/copy"',
    ],
    [
      'two options that need different transports',
      { target: TARGET, toProxy: true, keepAliveTimeoutMs: 5 },
      'forward.keepAliveTimeoutMs',
      "forward.keepAliveTimeoutMs cannot go with toProxy, which needs transport 'node'; received 5",
    ],
  ] as const) {
    it(what, () => {
      const error = refusal(options);
      expect(error.message).to.equal(message);
      expect(error.path).to.equal(path);
      expect(error.code).to.equal('ERR_INVALID_OPTION');
    });
  }

  for (const name of ['x y', 'x:y', '', 'x\r\ny']) {
    it(`a header name ${JSON.stringify(name)}`, () => {
      const { message } = refusal({ target: TARGET, headers: { [name]: '1' } });
      expect(message)
        .to.match(/^forward\.headers\./)
        .and.include('must be a header name');
    });
  }

  for (const value of ['a\r\nEvil: 1', 'a\nb', 'a\0b', 'snow ☃']) {
    it(`a header value ${JSON.stringify(value)}, without showing it`, () => {
      const { message, path } = refusal({ target: TARGET, headers: { 'x-key': value } });
      expect(path).to.equal('forward.headers.x-key');
      expect(message)
        .to.match(/without control characters, CR or LF/)
        .and.not.include(value);
    });
  }

  it('a header value that is not set, as of a variable that is missing in the environment', () => {
    expect(refusal({ target: TARGET, headers: { 'x-key': undefined } }).message).to.equal(
      'forward.headers.x-key must be Latin-1 text without control characters, CR or LF, or a list of such texts; received undefined',
    );
  });

  it('a target with line ends in its credentials', () => {
    const proxy = forward({ target: 'http://user:a%0d%0ab@api.example' });
    expect(proxy).to.be.a('function');
  });

  it('shows no credentials of a target', () => {
    expect(refusal({ target: 'ftp://user:secret@api.example' }).message).to.not.include('secret');
  });

  it('shows no value of auth', () => {
    expect(refusal({ target: TARGET, auth: ['user:secret'] }).message).to.not.include('secret');
  });
});

describe('forward() accepts', () => {
  for (const options of [
    { target: TARGET, requestTimeoutMs: undefined, on: undefined, headers: undefined, transport: undefined },
    { target: new URL('https://api.example/v2') },
    { target: 'wss://api.example' },
    { target: TARGET, bodyTimeoutMs: 0, requestTimeoutMs: 0 },
    { target: TARGET, transport: 'node', followRedirects: true },
    { target: TARGET, transport: 'undici', followRedirects: false, selfHandleResponse: undefined },
    { target: TARGET, on: { error: () => {}, open: undefined } },
    { router: { '/a': TARGET } },
    { target: TARGET, pathFilter: ['/a/**', '!/a/b'], pathRewrite: {}, agent: null },
    { target: TARGET, pathFilter: ['/a', '/b'], agent: false, protocolRewrite: null },
  ]) {
    it(
      Object.entries(options)
        .map(([name, value]) => `${name}: ${typeof value}`)
        .join(', '),
      async () => {
        const before = { ...options };
        const handler = forward(loosely(options));
        expect(options).to.deep.equal(before);
        expect(handler.name).to.equal('forward');
        await handler.close();
      },
    );
  }
});
