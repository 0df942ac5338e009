import { connect, Socket } from 'node:net';
import { expect } from 'chai';
import { lendConnection } from '../../../lib/proxy-rotate/connect-response.js';

describe('lendConnection()', () => {
  it('has net.connect() return the connection, and open none of its own', () => {
    const connection = new Socket();
    expect(lendConnection(connection, () => connect({ host: '127.0.0.1', port: 1 }))).to.equal(connection);
    expect(connection.connecting).to.equal(false);
  });

  it('leaves net.connect() as it was, also where the function throws', () => {
    const { connect: before } = Socket.prototype;
    lendConnection(new Socket(), () => {});
    expect(() =>
      lendConnection(new Socket(), () => {
        throw new Error('no');
      }),
    ).to.throw('no');
    expect(Socket.prototype.connect).to.equal(before);
  });
});
