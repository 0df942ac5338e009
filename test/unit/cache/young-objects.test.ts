import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

/** Bytes that each call of the tests holds on to, besides its own objects. */
const PAYLOAD_BYTES = 1024;
const CALLS = 4000;

/**
 * By how many payloads the old part of a heap has grown at most, while calls began and ended, sixteen at a time, and
 * only young objects were collected.
 * @param begin source of a function that begins a call, holds on to `payload`, and returns what ends it
 */
async function payloadsThatBecameOld(begin: string): Promise<number> {
  const script = `
    import { ServerResponse } from 'node:http';
    import { getHeapSpaceStatistics } from 'node:v8';
    import { Flights } from './lib/cache/flights.js';
    import { ResponseTap } from './lib/cache/response-tap.js';
    const oldBytes = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space').space_used_size;
    const flights = new Flights(() => 0);
    const begin = ${begin};
    const underWay = [];
    let start = 0;
    let most = 0;
    for (let i = 0; i < ${CALLS + 400}; i++) {
      if (i === 400) {
        gc();
        start = oldBytes();
      }
      underWay.push(begin(i, new Array(${PAYLOAD_BYTES / 8}).fill(i + 0.5)));
      if (underWay.length > 16) underWay.shift()();
      if (i % 40 === 0) {
        gc({ type: 'minor' });
        if (start > 0) most = Math.max(most, oldBytes() - start);
      }
    }
    console.log(most / ${PAYLOAD_BYTES});`;
  const args = ['--expose-gc', '--import', 'tsx', '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout);
}

// What was under way at two collections is old, and rightly so: some of the sixteen at each of a hundred.
describe('What a call through the cache leaves to the next collection of young objects', () => {
  it('is everything, where objects that are kept do become old', async () => {
    const kept =
      '(i, payload) => { globalThis.kept = { payload, before: globalThis.kept }; return () => {}; }';
    expect(await payloadsThatBecameOld(kept)).to.be.above(CALLS * 0.8);
  });

  it('is a flight and its ticket', async () => {
    const flight = `(i, payload) => {
      const ticket = flights.enter('key ' + i);
      const flight = flights.begin('key ' + i, 'key ' + i, { joined() {}, deserted() {} });
      flight.payload = ticket.payload = payload;
      return () => {
        flight.finish(false);
        flights.leave(ticket);
      };
    }`;
    expect(await payloadsThatBecameOld(flight)).to.be.below(CALLS * 0.3);
  });

  it('is a response that was observed', async () => {
    const tap = `(i, payload) => {
      const res = new ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, payload });
      new ResponseTap(res, { head: () => 'pass' }, true);
      return () => {};
    }`;
    expect(await payloadsThatBecameOld(tap)).to.be.below(CALLS * 0.3);
  });
});
