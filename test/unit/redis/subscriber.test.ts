import { connect, createServer } from 'node:net';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { RedisSubscriber } from '../../../lib/redis/subscriber.js';
import { onCleanup } from '../../support/cleanup.js';
import { listening } from '../../support/listening.js';
import { startRedis } from '../../support/redis.js';
import { until, within } from '../../support/until.js';

/** A subscriber to a real Redis, and its connections. */
async function startSubscriber() {
  const redis = await startRedis();
  const ways: (() => void)[] = [];
  const relay = createServer((client) => {
    const server = connect(redis.port, '127.0.0.1');
    client.pipe(server).pipe(client);
    ways.push(() => {
      client.unpipe(server).resume();
      server.unpipe(client).resume();
    });
    client.on('error', () => {}).on('close', () => server.destroy());
    server.on('error', () => {}).on('close', () => client.destroy());
  });
  const { port, connections } = await listening(relay);
  const subscriber = new RedisSubscriber(new Redis({ host: '127.0.0.1', port, lazyConnect: true }));

  function startPart() {
    const channels = subscriber.channels(1000);
    onCleanup(() => channels.close());
    const messages: (string | undefined)[] = [];
    const listener = (message: string | undefined) => messages.push(message);
    const listen = (name: string) => channels.listen(name, listener);
    const untilHeard = async (name: string): Promise<void> => {
      while (!(await listen(name).heard)) await new Promise((resolve) => setTimeout(resolve, 2));
    };
    return {
      messages,
      listen,
      hear: (name: string) => within(untilHeard(name), `channel ${name} to be heard`),
      close: () => channels.close(),
    };
  }
  /** From now on nothing arrives on the connections that are open, which stay open. */
  const cut = () => {
    for (const way of ways) way();
  };
  return { startPart, connections, cut, control: redis.control };
}

describe('RedisSubscriber', () => {
  it('hears the channels of all parts on one connection, each part its own', async () => {
    const { startPart, connections, control } = await startSubscriber();
    const [one, two] = [startPart(), startPart()];
    await Promise.all([one.hear('ours'), one.hear('mine'), two.hear('ours')]);
    await control.publish('ours', 'for both');
    await control.publish('mine', 'for one');
    await until(() => one.messages.length === 2 && two.messages.length === 1);
    expect([one.messages, two.messages]).to.deep.equal([['for both', 'for one'], ['for both']]);
    expect(connections.total).to.equal(1);
  });

  it('tells a part that is closed, and it alone, that messages may be missed', async () => {
    const { startPart, connections, control } = await startSubscriber();
    const [one, two] = [startPart(), startPart()];
    await Promise.all([one.hear('ours'), one.hear('mine'), two.hear('ours')]);
    await one.close();
    await control.publish('ours', 'for two');
    await until(() => two.messages.length > 0);
    expect([one.messages, two.messages]).to.deep.equal([[undefined, undefined], ['for two']]);
    expect(await one.listen('ours').heard).to.equal(false);
    expect(await control.pubsub('CHANNELS')).to.deep.equal(['ours']);
    expect(connections.open).to.equal(1);
  });

  it('closes the connection with the last part, and opens one for the next', async () => {
    const { startPart, connections, control } = await startSubscriber();
    const [one, two] = [startPart(), startPart()];
    await Promise.all([one.hear('ours'), two.hear('ours')]);
    await one.close();
    await one.close();
    expect(connections.open).to.equal(1);
    await two.close();
    await until(() => connections.open === 0);
    const three = startPart();
    await three.hear('ours');
    await control.publish('ours', 'again');
    await until(() => three.messages.includes('again'));
    expect(connections.total).to.equal(2);
  });

  it('tells all parts of a lost connection, and hears their channels on the next', async () => {
    const { startPart, control } = await startSubscriber();
    const [one, two] = [startPart(), startPart()];
    await Promise.all([one.hear('mine'), two.hear('ours')]);
    await control.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(() => one.messages.length > 0 && two.messages.length > 0);
    await Promise.all([one.hear('mine'), two.hear('ours')]);
    await control.publish('ours', 'for two');
    await until(() => two.messages.includes('for two'));
    expect([one.messages, two.messages]).to.deep.equal([[undefined], [undefined, 'for two']]);
  });

  it('leaves a connection that is open and dead, and tells that messages may be missed', async () => {
    const { startPart, connections, cut, control } = await startSubscriber();
    const part = startPart();
    await part.hear('ours');
    cut();
    await until(() => part.messages.length > 0);
    await until(() => connections.total === 2);
    await part.hear('ours');
    await control.publish('ours', 'again');
    await until(() => part.messages.length > 1);
    expect(part.messages).to.deep.equal([undefined, 'again']);
  });

  it('hears a channel once its user may', async () => {
    const { startPart, control } = await startSubscriber();
    await control.call('ACL', 'SETUSER', 'default', 'resetchannels');
    const part = startPart();
    part.listen('ours');
    const refused = async (): Promise<void> => {
      while (String(await control.call('ACL', 'LOG')) === '')
        await new Promise((resolve) => setTimeout(resolve, 2));
    };
    await within(refused(), 'a refusal');
    expect(await part.listen('ours').heard).to.equal(false);
    await control.call('ACL', 'SETUSER', 'default', 'allchannels');
    await part.hear('ours');
    await control.publish('ours', 'for one');
    await until(() => part.messages.length > 0);
    expect(part.messages).to.deep.equal(['for one']);
  });

  it('opens no connection before a part listens', async () => {
    const { startPart, connections } = await startSubscriber();
    const part = startPart();
    await part.close();
    expect(connections.total).to.equal(0);
  });
});
