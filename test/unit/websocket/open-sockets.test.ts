import { expect } from 'chai';
import type { ProxyError } from '../../../lib/core/errors.js';
import type { OpenSocket } from '../../../lib/core/upgrade.js';
import { OpenSockets } from '../../../lib/websocket/open-sockets.js';

/** A WebSocket that closes on a close frame, or only when it is destroyed. */
function socketOf(sockets: OpenSockets, api: string, stays = false) {
  const calls: string[] = [];
  const onCut = (cut: OpenSocket, error: ProxyError) =>
    calls.push(`${cut === socket ? 'cut' : 'another'} ${error.code}`);
  const socket: OpenSocket = {
    api,
    bytesIn: 1,
    bytesOut: 10,
    onCut: [onCut],
    goAway() {
      calls.push('goAway');
      if (!stays) sockets.delete(socket);
    },
    destroy() {
      calls.push('destroy');
      sockets.delete(socket);
    },
  };
  sockets.add(socket);
  return { socket, calls };
}

describe('OpenSockets', () => {
  it('counts open ones, and keeps the byte counts of closed ones', () => {
    const sockets = new OpenSockets();
    const first = socketOf(sockets, 'a');
    socketOf(sockets, 'a');
    socketOf(sockets, 'b');
    sockets.delete(first.socket);
    sockets.delete(first.socket);
    expect(sockets.counts()).to.deep.equal([
      ['a', { open: 1, bytesIn: 2, bytesOut: 20, cut: 0 }],
      ['b', { open: 1, bytesIn: 1, bytesOut: 10, cut: 0 }],
    ]);
    expect(sockets.size).to.equal(2);
  });

  it('counts surplus APIs under one name', () => {
    const sockets = new OpenSockets();
    for (let i = 0; i < 1010; i++) socketOf(sockets, `api-${i}`);
    expect(sockets.counts()).to.have.length(1001);
    expect(new Map(sockets.counts()).get('other')?.open).to.equal(10);
  });

  it('closes those that respond to a close frame, and destroys the others', async () => {
    const sockets = new OpenSockets();
    const polite = socketOf(sockets, 'a');
    const deaf = socketOf(sockets, 'a', true);
    await sockets.close(1);
    const cut = ['goAway', 'cut ERR_SHUTTING_DOWN', 'destroy'];
    expect([polite.calls, deaf.calls]).to.deep.equal([['goAway'], cut]);
    expect(sockets.counts()).to.deep.equal([['a', { open: 0, bytesIn: 2, bytesOut: 20, cut: 1 }]]);
    expect(socketOf(sockets, 'a').calls).to.deep.equal(['goAway']);
    await sockets.close(60_000);
  });

  it('can be closed twice at once', async () => {
    const sockets = new OpenSockets();
    const { calls } = socketOf(sockets, 'a', true);
    await Promise.all([sockets.close(60_000), sockets.close(1)]);
    expect(calls.filter((one) => one !== 'goAway')).to.deep.equal(['cut ERR_SHUTTING_DOWN', 'destroy']);
  });

  it('counts one once that cuts itself off when its time is up', async () => {
    const sockets = new OpenSockets();
    const { socket, calls } = socketOf(sockets, 'a', true);
    socket.goAway = (_graceMs, late) => {
      late?.();
      late?.();
    };
    await sockets.close(60_000);
    expect(calls).to.deep.equal(['cut ERR_SHUTTING_DOWN', 'destroy']);
    expect(sockets.counts()).to.deep.equal([['a', { open: 0, bytesIn: 1, bytesOut: 10, cut: 1 }]]);
  });
});
