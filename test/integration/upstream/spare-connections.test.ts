import { expect } from 'chai';
import { call } from '../../support/client.js';
import { openForward, startForward } from '../../support/forwarding.js';
import { type RawConnection, rawResponse, startRawUpstream } from '../../support/raw-upstream.js';
import { serve } from '../../support/serve.js';
import { until } from '../../support/until.js';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';
const HEAD = { method: 'HEAD' };

/** Responds to HEAD with a head, and to others with a body. */
const respond = (connection: RawConnection): void => {
  connection.socket.on('data', (data) => connection.write(String(data).startsWith('HEAD') ? OK : `${OK}up`));
};

describe('connections that are opened in place of those that close after a HEAD (RFC 9112 §11.2), transport undici', () => {
  it('are opened while the response is waited for, and carry the next call', async () => {
    const upstream = await startRawUpstream((connection, number) => {
      if (number !== 2) return respond(connection);
      connection.socket.on('data', () => {
        void until(() => upstream.connections.total === 3).then(() => connection.write(OK));
      });
    });
    const proxy = await startForward({ target: upstream.url });
    await call(proxy.url, HEAD);
    await call(proxy.url, HEAD);
    expect(upstream.received[2]?.received).to.equal('');
    expect((await call(proxy.url)).text).to.equal('up');
    expect(upstream.connections.total).to.equal(3);
    expect(upstream.received[2]?.received).to.match(/^GET /);
  });

  it('are not opened for a HEAD now and then', async () => {
    const upstream = await startRawUpstream(respond);
    const proxy = await startForward({ target: upstream.url, keepAliveTimeoutMs: 1 });
    for (let i = 0; i < 3; i++) {
      await call(proxy.url, HEAD);
      await until(() => upstream.connections.open === 0, 'its connection to close');
    }
    expect(upstream.connections.total).to.equal(3);
  });

  it('are never more than connections allows', async () => {
    const upstream = await startRawUpstream(respond);
    const proxy = await startForward({ target: upstream.url, connections: 1 });
    for (let i = 0; i < 3; i++) await call(proxy.url, HEAD);
    expect(upstream.connections.total).to.equal(3);
  });

  it('are closed where the target speaks first, and no client gets what it says (RFC 9112 §9.2)', async () => {
    const upstream = await startRawUpstream((connection, number) => {
      respond(connection);
      if (number === 3) connection.write('HTTP/1.1 408 Request Timeout\r\nContent-Length: 6\r\n\r\npoison');
    });
    const proxy = await startForward({ target: upstream.url });
    for (let i = 0; i < 2; i++) await call(proxy.url, HEAD);
    await until(() => upstream.connections.total === 3 && upstream.connections.closed === 3);
    expect((await call(proxy.url)).text).to.equal('up');
  });

  it('cost no call where the target closes them just then', async () => {
    const upstream = await startRawUpstream((connection, number) => {
      if (number === 3) connection.socket.once('data', () => connection.reset());
      else respond(connection);
    });
    const proxy = await startForward({ target: upstream.url });
    for (let i = 0; i < 2; i++) await call(proxy.url, HEAD);
    await until(() => upstream.connections.total === 3);
    expect((await call(proxy.url)).text).to.equal('up');
    expect(upstream.received[2]?.received).to.match(/^GET /);
  });

  it('are closed after keepAliveTimeoutMs', async () => {
    const upstream = await startRawUpstream(respond);
    const proxy = await startForward({ target: upstream.url, keepAliveTimeoutMs: 200 });
    for (let i = 0; i < 2; i++) await call(proxy.url, HEAD);
    await until(() => upstream.connections.total === 3);
    await until(() => upstream.connections.open === 0, 'the spare connection to close');
  });

  it('are closed by close()', async () => {
    const upstream = await startRawUpstream(rawResponse(OK));
    const handler = openForward({ target: upstream.url, keepAliveTimeoutMs: 60_000 });
    const proxy = await serve(handler);
    for (let i = 0; i < 2; i++) await call(proxy.url, HEAD);
    await until(() => upstream.connections.total === 3);
    await handler.close();
    await until(() => upstream.connections.open === 0, 'the spare connection to close');
  });
});
