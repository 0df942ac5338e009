import { expect } from 'chai';
import { type RedisChange, RedisHealth } from '../../../lib/redis/health.js';
import { toyTime } from '../../support/toy-time.js';

function startHealth() {
  const time = toyTime();
  const health = new RedisHealth(time);
  const changes: RedisChange[] = [];
  health.events.on('change', (change) => changes.push(change));
  return { time, health, changes, messages: () => changes.map(({ message }) => message) };
}

describe('RedisHealth', () => {
  it('tells nothing of a Redis that is well from the start', () => {
    const { health, changes } = startHealth();
    expect(health.status().state).to.equal('connecting');
    health.connected();
    expect(health.status()).to.include({ state: 'up', reason: undefined, message: undefined });
    expect(changes).to.deep.equal([]);
  });

  it('tells once that Redis is lost, whatever follows from it, and how long it was', () => {
    const { time, health, messages } = startHealth();
    health.connected();
    health.lost('CLOSED');
    for (const code of ['ECONNREFUSED', 'LOADING', 'ECONNRESET']) health.lost(code);
    time.advance(12_300);
    health.connected();
    expect(messages()).to.deep.equal([
      'Redis has closed the connection (CLOSED): this process uses its own memory',
      'Redis is in use again after 12.3 s',
    ]);
  });

  it('tells of another reason', () => {
    const { health, changes } = startHealth();
    health.lost('ECONNREFUSED');
    health.lost('WRONGPASS');
    for (const code of ['NOAUTH', 'CLOSED', 'Error', 'WRONGPASS', 'ECONNRESET']) health.lost(code);
    expect(changes.map(({ reason }) => reason)).to.deep.equal(['ECONNREFUSED', 'WRONGPASS']);
    expect(health.status()).to.include({ state: 'down', reason: 'WRONGPASS' });
    const other = startHealth();
    for (const code of ['ECONNREFUSED', 'NOAUTH']) other.health.lost(code);
    expect(other.changes.map(({ reason }) => reason)).to.deep.equal(['ECONNREFUSED', 'NOAUTH']);
  });

  it('tells each of two reasons that take turns once', () => {
    const { health, changes } = startHealth();
    for (let i = 0; i < 3; i++)
      for (const code of ['SELF_SIGNED_CERT_IN_CHAIN', 'CLOSED', 'ECONNRESET', 'CLOSED']) health.lost(code);
    expect(changes.map(({ reason }) => reason)).to.deep.equal(['SELF_SIGNED_CERT_IN_CHAIN', 'ECONNRESET']);
    health.connected();
    health.lost('CLOSED');
    expect(changes.map(({ state }) => state)).to.deep.equal(['down', 'down', 'up', 'down']);
  });

  it('takes Redis for lost while one of its users gets no replies', () => {
    const { time, health, changes } = startHealth();
    const [cache, limits] = [{}, {}];
    health.connected();
    health.silent(cache, true);
    health.silent(limits, true);
    health.silent(cache, false);
    time.advance(1000);
    health.look();
    expect(health.status()).to.include({ state: 'down', reason: 'TIMEOUT' });
    health.silent(limits, false);
    expect(changes.map(({ state }) => state)).to.deep.equal(['down', 'up']);
  });

  it('tells nothing of a stall of less than a second', () => {
    const { time, health, changes } = startHealth();
    const cache = {};
    health.connected();
    health.silent(cache, true);
    time.advance(999);
    health.look();
    health.silent(cache, false);
    time.advance(5000);
    health.look();
    expect(changes).to.deep.equal([]);
  });

  it('takes a refusal for over once there was none for 30 s', () => {
    const { time, health, messages } = startHealth();
    health.connected();
    for (let i = 0; i < 3; i++) {
      health.refused('OOM');
      time.advance(29_999);
      health.look();
    }
    expect(health.status()).to.deep.include({ state: 'degraded', reason: 'OOM', refused: { OOM: 3 } });
    time.advance(1);
    health.look();
    expect(health.status().state).to.equal('up');
    expect(messages()).to.deep.equal([
      'Redis has reached maxmemory and stores nothing more (OOM): what it refuses is left out or kept in this process',
      'Redis is in use again after 90.0 s',
    ]);
  });

  it('takes a read-only or busy Redis for over at the first write, and a full one not', () => {
    const { health } = startHealth();
    health.connected();
    for (const code of ['READONLY', 'BUSY']) {
      health.refused(code);
      expect(health.status().message).to.contain(`(${code})`).and.not.to.contain('an error');
      health.wrote();
      expect(health.status().state).to.equal('up');
    }
    health.refused('OOM');
    health.wrote();
    expect(health.status().state).to.equal('degraded');
  });

  it('tells nothing of the close by which a read-only Redis is left, and tells when it is gone', () => {
    const { health, changes } = startHealth();
    health.connected();
    for (let i = 0; i < 3; i++) {
      health.refused('READONLY');
      health.lost('CLOSED');
      health.connected();
    }
    expect(changes.map(({ reason }) => reason)).to.deep.equal(['READONLY']);
    health.lost('CLOSED');
    health.lost('Error');
    expect(health.status()).to.include({ state: 'degraded', reason: 'READONLY' });
    health.lost('ECONNREFUSED');
    expect(health.status()).to.include({ state: 'down', reason: 'ECONNREFUSED' });
    expect(changes.map(({ reason }) => reason)).to.deep.equal(['READONLY', 'ECONNREFUSED']);
  });

  it('tells nothing once it is closed', () => {
    const { health, changes } = startHealth();
    health.connected();
    health.close();
    health.lost('CLOSED');
    expect(changes).to.deep.equal([]);
  });
});
