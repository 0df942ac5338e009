import { Readable } from 'node:stream';
import { failsWith } from '../support/deviation.js';
import type { ParityCase } from '../support/parity-case.js';
import { request } from '../support/wire.js';

/** A stream that is sent in place of the request's body. */
export const BUFFER_CASES: readonly ParityCase[] = [
  {
    topic: 'buffer',
    name: 'stream in place of the body of the request',
    stages: () => [
      (req, _res, next) => {
        req.resume().on('end', () => next());
      },
    ],
    options: ({ url }) => ({ target: url, buffer: Readable.from([Buffer.from('kept')]) }),
    send: request('POST /b', [], 'sent'),
    shows: /\[length\] "kept"/,
  },
  {
    topic: 'buffer',
    name: 'set by a router for each call',
    perCall: true,
    options: (world) => ({
      target: world.url,
      router: (req, _res, options) => {
        options.buffer = Readable.from([Buffer.from(`kept${req.url}`)]);
        return world.url;
      },
    }),
    send: [request('POST /1', [], '123456'), request('POST /2', [], '123456')],
    shows: [/\[length\] "kept\/1"/, /\[length\] "kept\/2"/],
  },
  {
    topic: 'buffer',
    name: 'stream that fails',
    options: ({ url }) => ({ target: url, buffer: failing() }),
    hangs: ['plain'],
    send: request('POST /b', [], 'sent'),
    differs: { both: [failsWith('ERR_INTERNAL', '500 Internal Server Error')] },
    free: {
      why: 'the target may already have received the head',
      leaveOut: (seen) => {
        seen.upstreams = {};
      },
    },
    shows: /uncaughtException: unreadable/,
  },
];

function failing(): Readable {
  return new Readable({
    read() {
      this.destroy(new Error('unreadable'));
    },
  });
}
