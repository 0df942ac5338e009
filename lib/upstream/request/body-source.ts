import type { ClientRequest } from 'node:http';
import { Readable } from 'node:stream';
import type { Plan } from '../transport.js';
import { consumedBody } from './body.js';

/**
 * What httpxy pipes into its request in place of the client's stream.
 * @param written whether a listener of `on.proxyReq` has begun to write the body itself, as `fixRequestBody` does
 */
export function bodySource({ body, proxyOptions }: Plan, written: () => boolean): Readable {
  const opened = body?.open();
  if (opened instanceof Readable) return opened;
  const whole = (): Buffer | undefined => (written() ? undefined : opened);
  if (proxyOptions.followRedirects) {
    return new Readable({
      read() {
        const rest = whole();
        if (body?.consumed && !written()) this.destroy(consumedBody());
        if (rest && rest.length > 0) this.push(rest);
        this.push(null);
      },
    });
  }
  const atOnce = {
    pipe(to: ClientRequest) {
      if (body?.consumed && !written()) to.destroy(consumedBody());
      else to.end(whole());
    },
  };
  // httpxy only calls `pipe`; a stream costs more, for a body that is in memory or empty.
  return atOnce as unknown as Readable;
}
