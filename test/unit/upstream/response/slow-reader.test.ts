import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { SlowReader } from '../../../../lib/upstream/response/slow-reader.js';

const KIB = 1024;

/** A response whose client takes so many bytes between two looks, 25 ms apart. */
function reading(bytesPerLook: number) {
  const socket = { bytesWritten: 0, writableLength: 0 };
  const res = { writableNeedDrain: true, socket };
  const reader = new SlowReader();
  let now = 0;
  const look = (): boolean => reader.look(res as unknown as ServerResponse, now);
  const pass = (ms: number): void => {
    now += ms;
    look();
  };
  const looks = (ms: number): void => {
    for (let left = ms; left > 0; left -= 25) {
      socket.bytesWritten += bytesPerLook;
      pass(25);
    }
  };
  look();
  return { res, socket, look, looks, pass, isBlamed: (ms = 0) => reader.isBlamed(now + ms) };
}

describe('SlowReader', () => {
  it('blames a client that takes nothing for a quarter of a second', () => {
    const { isBlamed, looks } = reading(0);
    looks(225);
    expect(isBlamed()).to.equal(false);
    looks(25);
    expect(isBlamed()).to.equal(true);
  });

  it('blames one that takes little at a time', () => {
    const { isBlamed, looks } = reading(KIB);
    looks(1000);
    expect(isBlamed()).to.equal(true);
  });

  it('does not blame one that takes much, though its response is full at each look', () => {
    const { isBlamed, looks } = reading(64 * KIB);
    looks(5000);
    expect(isBlamed()).to.equal(false);
  });

  it('blames one that stops after it has taken much', () => {
    const { isBlamed, looks, socket } = reading(0);
    looks(100);
    socket.bytesWritten += 1024 * KIB;
    looks(250);
    expect(isBlamed()).to.equal(false);
    looks(25);
    expect(isBlamed()).to.equal(true);
  });

  it('counts as taken what has left, not what still waits', () => {
    const { isBlamed, looks, socket } = reading(0);
    looks(200);
    socket.bytesWritten += 1024 * KIB;
    socket.writableLength += 1024 * KIB;
    looks(50);
    expect(isBlamed()).to.equal(true);
  });

  it('forgives a second after the client has read on', () => {
    const { res, isBlamed, look, looks } = reading(0);
    looks(250);
    res.writableNeedDrain = false;
    expect(look()).to.equal(false);
    expect([isBlamed(1000), isBlamed(1001)]).to.deep.equal([true, false]);
    res.writableNeedDrain = true;
    looks(200);
    expect(isBlamed(900)).to.equal(false);
  });

  it('does not blame a client for a standstill of this process', () => {
    const { isBlamed, pass } = reading(0);
    pass(5000);
    pass(100);
    expect(isBlamed()).to.equal(false);
    pass(50);
    expect(isBlamed()).to.equal(true);
  });

  it('takes one whose turn on its connection has not come for one that takes nothing', () => {
    const { res, isBlamed, looks } = reading(0);
    Object.assign(res, { socket: null });
    looks(250);
    expect(isBlamed()).to.equal(true);
  });
});
