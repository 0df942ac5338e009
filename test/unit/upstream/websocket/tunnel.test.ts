import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { Tunnel, type TunnelLimits } from '../../../../lib/upstream/websocket/tunnel.js';
import { OpenSockets } from '../../../../lib/websocket/open-sockets.js';
import { listening } from '../../../support/listening.js';
import { type RawClient, rawClient } from '../../../support/raw-client.js';
import { toyTime } from '../../../support/toy-time.js';
import { until } from '../../../support/until.js';

/** A connection: the end that the tunnel has, and the other one, which may stay half open. */
async function connection(): Promise<{ end: Socket; other: RawClient }> {
  const server = createServer({ allowHalfOpen: true });
  const accepted = once(server, 'connection');
  const { port } = await listening(server);
  const other = await rawClient(port);
  const [end] = await accepted;
  return { end, other };
}

async function tunnel(limits?: Partial<TunnelLimits>, raw = false) {
  const [client, target] = [await connection(), await connection()];
  const time = toyTime();
  const sockets = new OpenSockets();
  const none = Number.POSITIVE_INFINITY;
  const ends = { api: '', client: client.end, target: target.end, sockets, raw };
  new Tunnel(
    { ...ends, limits: { socketIdleMs: none, socketAgeMs: none, ...limits } },
    Buffer.alloc(0),
    time,
  );
  return { client, target, time, sockets };
}

describe('Tunnel', () => {
  it('cuts a client off that stays half open when the target has gone', async () => {
    const { client, target, time, sockets } = await tunnel();
    // The client keeps its own direction open and never says another word.
    target.other.socket.end(Buffer.from('\x88\x02\x03\xe8', 'latin1'));
    await until(() => client.other.closed);
    expect(client.other.text).to.equal('\x88\x02\x03\xe8');
    time.advance(4999);
    expect([client.end.destroyed, sockets.size]).to.deep.equal([false, 1]);
    time.advance(1);
    expect(client.end.destroyed).to.equal(true);
    await until(() => sockets.size === 0);
    expect(time.running).to.deep.equal([]);
  });

  it('cuts a target off that stays half open when the client has gone', async () => {
    const { client, target, time, sockets } = await tunnel();
    client.other.halfClose();
    await until(() => target.other.closed);
    time.advance(4999);
    expect([target.end.destroyed, sockets.size]).to.deep.equal([false, 1]);
    time.advance(1);
    expect(target.end.destroyed).to.equal(true);
    await until(() => sockets.size === 0);
  });

  it('waits as long for a client that got a close frame as it is told to', async () => {
    const { client, time, sockets } = await tunnel();
    const closing = sockets.close(20_000);
    await until(() => client.other.text === '\x88\x02\x03\xe9');
    time.advance(19_999);
    expect([client.end.destroyed, sockets.size]).to.deep.equal([false, 1]);
    time.advance(1);
    await closing;
    expect(client.end.destroyed).to.equal(true);
  });

  it('says goodbye to a client when it has been open for long enough', async () => {
    const { client, time, sockets } = await tunnel({ socketAgeMs: 60_000 });
    time.advance(59_999);
    expect(client.other.text).to.equal('');
    time.advance(1);
    await until(() => client.other.text === '\x88\x02\x03\xe9');
    time.advance(5000);
    await until(() => sockets.size === 0);
    expect(time.running).to.deep.equal([]);
  });

  for (const from of ['client', 'target'] as const) {
    it(`says goodbye when nothing has come for long, and not while the ${from} speaks`, async () => {
      const scene = await tunnel({ socketIdleMs: 10_000 });
      const { client, target, time, sockets } = scene;
      const to = from === 'client' ? target : client;
      for (let i = 1; i <= 3; i++) {
        scene[from].other.send('\x89\x00');
        await until(() => to.other.text.length === 2 * i);
        time.advance(8000);
      }
      expect(client.other.text).to.not.include('\x88');
      time.advance(7500);
      await until(() => client.other.text.endsWith('\x88\x02\x03\xe9'));
      time.advance(5000);
      await until(() => sockets.size === 0);
      expect(time.running).to.deep.equal([]);
    });
  }

  it('keeps no timer where both ends close by themselves', async () => {
    const { client, target, time, sockets } = await tunnel();
    client.other.halfClose();
    await until(() => target.other.closed);
    expect(time.running).to.have.length(1);
    target.other.halfClose();
    await until(() => sockets.size === 0);
    expect(time.running).to.deep.equal([]);
  });
});

describe('Tunnel of another protocol than WebSocket', () => {
  it('keeps an end open for as long as the other one sends', async () => {
    const { client, target, time, sockets } = await tunnel({}, true);
    client.other.halfClose();
    await until(() => target.other.closed);
    expect(time.running).to.deep.equal([]);
    target.other.send('late');
    await until(() => client.other.text === 'late');
    target.other.halfClose();
    await until(() => sockets.size === 0);
  });

  it('cuts a client off that stays half open when the target has gone', async () => {
    const { client, target, time, sockets } = await tunnel({}, true);
    // As the connection of a request does by itself.
    target.end.once('end', () => target.end.end());
    target.other.halfClose();
    await until(() => client.other.closed);
    await until(() => time.running.length === 1);
    time.advance(5000);
    await until(() => sockets.size === 0);
  });

  for (const limit of ['socketIdleMs', 'socketAgeMs'] as const) {
    it(`ends at ${limit} without a word: there are no frames`, async () => {
      const { client, time, sockets } = await tunnel({ [limit]: 10_000 }, true);
      for (let i = 0; i < 5; i++) time.advance(2500);
      await until(() => sockets.size === 0);
      expect(await client.other.untilClosed()).to.equal('');
      expect(time.running).to.deep.equal([]);
    });
  }

  it('goes on until its grace is over when it is to go away', async () => {
    const { client, target, time, sockets } = await tunnel({}, true);
    void sockets.close(60_000);
    target.other.send('more');
    await until(() => client.other.text === 'more');
    time.advance(60_000);
    await until(() => sockets.size === 0);
    expect(client.other.text).to.equal('more');
  });
});
