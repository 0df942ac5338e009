import type { ClientRequest } from 'node:http';
import { Readable } from 'node:stream';
import { whenConnected } from '../node/when-connected.js';
import type { Plan } from '../transport.js';
import { consumedBody } from './body.js';

/**
 * What httpxy pipes into its request in place of the client's own stream.
 * @param written whether a listener of `on.proxyReq` has begun to write the body itself, as `fixRequestBody` does
 * @param broke hears when it breaks off: httpxy does not listen, and an error that nobody hears ends the process
 */
export function bodySource(
  { body, proxyOptions }: Plan,
  written: () => boolean,
  broke: (error: Error) => void,
): Readable {
  const opened = body?.open();
  if (opened instanceof Readable) return onceConnected(opened.on('error', broke));
  const whole = (): Buffer | undefined => (written() ? undefined : opened);
  if (proxyOptions.followRedirects) {
    return new Readable({
      read() {
        const rest = whole();
        if (body?.consumed && !written()) this.destroy(consumedBody());
        if (rest && rest.length > 0) this.push(rest);
        this.push(null);
      },
    }).on('error', broke);
  }
  const atOnce = {
    pipe(to: ClientRequest) {
      if (body?.consumed && !written()) to.destroy(consumedBody());
      else to.end(whole());
    },
  };
  return asSource(atOnce);
}

/** Not before: of a connection that is refused Node would have taken in the begin of the body, and thrown it away. */
function onceConnected(stream: Readable): Readable {
  return asSource({
    pipe: (to: ClientRequest) => whenConnected(to, () => void stream.pipe(to)),
  });
}

/** httpxy asks nothing of a source but `pipe`; a stream for a body that is here, or is none, costs more. */
const asSource = (source: { pipe(to: ClientRequest): void }): Readable => source as unknown as Readable;
