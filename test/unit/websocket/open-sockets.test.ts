import { expect } from 'chai';
import type { OpenSocket } from '../../../lib/core/upgrade.js';
import { OpenSockets } from '../../../lib/websocket/open-sockets.js';

/** A WebSocket that closes when it is told to, or only when it is cut off. */
function socketOf(sockets: OpenSockets, api: string, stays = false) {
  const told: string[] = [];
  const socket: OpenSocket = {
    api,
    bytesIn: 1,
    bytesOut: 10,
    goAway() {
      told.push('goAway');
      if (!stays) sockets.delete(socket);
    },
    destroy() {
      told.push('destroy');
      sockets.delete(socket);
    },
  };
  sockets.add(socket);
  return { socket, told };
}

describe('OpenSockets', () => {
  it('counts those that are open, and keeps what closed ones carried', () => {
    const sockets = new OpenSockets();
    const first = socketOf(sockets, 'a');
    socketOf(sockets, 'a');
    socketOf(sockets, 'b');
    sockets.delete(first.socket);
    sockets.delete(first.socket);
    expect(sockets.counts()).to.deep.equal([
      ['a', { open: 1, bytesIn: 2, bytesOut: 20 }],
      ['b', { open: 1, bytesIn: 1, bytesOut: 10 }],
    ]);
    expect(sockets.size).to.equal(2);
  });

  it('puts the APIs that are too many under one name', () => {
    const sockets = new OpenSockets();
    for (let i = 0; i < 1010; i++) socketOf(sockets, `api-${i}`);
    expect(sockets.counts()).to.have.length(1001);
    expect(new Map(sockets.counts()).get('other')?.open).to.equal(10);
  });

  it('closes those that go when told, and cuts the others off', async () => {
    const sockets = new OpenSockets();
    const polite = socketOf(sockets, 'a');
    const deaf = socketOf(sockets, 'a', true);
    await sockets.close(1);
    expect([polite.told, deaf.told]).to.deep.equal([['goAway'], ['goAway', 'destroy']]);
    expect(socketOf(sockets, 'a').told).to.deep.equal(['goAway']);
    await sockets.close(60_000);
  });

  it('may be closed by two at once', async () => {
    const sockets = new OpenSockets();
    const { told } = socketOf(sockets, 'a', true);
    await Promise.all([sockets.close(60_000), sockets.close(1)]);
    expect(told).to.include('destroy');
  });
});
