import { Socket } from 'node:net';

/** A response to CONNECT has a few lines; a longer one is something else. */
const MAX_RESPONSE_BYTES = 64 * 1024;

const BEGIN = 'HTTP/1.';
const STATUS = /^HTTP\/1\.[01] (\d)\d\d(?= |\r)/;

/**
 * Lets the function have this connection where it calls `net.connect()`, synchronously. https-proxy-agent opens its
 * connection to a proxy by itself, out of reach of a time limit, and over TLS of any check of what comes in. Nothing else
 * runs meanwhile. Node's channel `net.client.socket` would do up to Node 20: later ones tell of a socket when it is too
 * late to have another one in its place.
 */
export function lendConnection<T>(connection: Socket, run: () => T): T {
  const { connect } = Socket.prototype;
  Socket.prototype.connect = () => connection;
  try {
    return run();
  } finally {
    Socket.prototype.connect = connect;
  }
}

/**
 * Gives https-proxy-agent a proxy's response in the one form that it understands: no interim response before it
 * (RFC 9110 §15.2), and 200 for each status that opens a tunnel, which are all 2xx (§9.3.6). It would also keep what is
 * sent without bound, and wait in vain for the end of what is no response.
 * @param told `endless`: the response has no end; `unreadable`: it is none; `more`: there is something behind it. A target does not speak before it
 * is asked, and Node's client would take that for the response to the first request
 */
export function readConnectResponse(
  connection: Socket,
  told: (what: 'endless' | 'unreadable' | 'more') => void,
): void {
  const { read } = connection;
  let received: Buffer = Buffer.alloc(0);
  connection.read = () => {
    const chunk: Buffer | null = read.call(connection);
    if (!chunk) return null;
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const length = headLength(received);
      const isEndless = length > MAX_RESPONSE_BYTES || (length === 0 && received.length > MAX_RESPONSE_BYTES);
      if (isEndless || !BEGIN.startsWith(received.toString('latin1', 0, BEGIN.length))) {
        received = Buffer.alloc(0);
        told(isEndless ? 'endless' : 'unreadable');
        return null;
      }
      if (length === 0) return null;
      const head = received.toString('latin1', 0, length).replaceAll(/\r?\n/g, '\r\n');
      received = received.subarray(length);
      const kind = STATUS.exec(head)?.[1];
      if (kind === '1') continue;
      connection.read = read;
      if (kind !== '2') return Buffer.from(head, 'latin1');
      if (received.length > 0) told('more');
      return Buffer.from(head.replace(STATUS, 'HTTP/1.1 200'), 'latin1');
    }
  };
}

/** Length with the empty line at its end, where lines may end with LF alone (RFC 9112 §2.2); 0 if that is not there yet. */
function headLength(received: Buffer): number {
  const ends = ['\n\r\n', '\n\n'].flatMap((end) => {
    const at = received.indexOf(end);
    return at < 0 ? [] : [at + end.length];
  });
  return ends.length === 0 ? 0 : Math.min(...ends);
}
