import type { ClientRequest, IncomingMessage } from 'node:http';
import type { HeldBody, ResponseHead } from '../../core/attempt.js';
import { sendableReason } from '../../http/head-problem.js';
import { HeldChunks } from '../response/held-body.js';
import { framedOnce } from './framed-once.js';

const HELD: unique symbol = Symbol('held');

type Held = IncomingMessage & { [HELD]?: HeldBody };

/** What was held back of a response's body; it is still to be read. */
export const heldBodyOf = (proxyRes: Held): HeldBody | undefined => proxyRes[HELD];

/**
 * Shows a response to the listeners of its request only once its whole body is there, or more of it than is held. They
 * then read the body as if nothing had happened.
 * @param failed called with what breaks the response off meanwhile
 * @param isHeld whether a response is held
 */
export function holdResponse(
  proxyReq: ClientRequest,
  failed: (error: unknown) => void,
  isHeld: (proxyRes: IncomingMessage) => boolean,
): void {
  const listeners = proxyReq.listeners('response') as ((proxyRes: IncomingMessage) => void)[];
  proxyReq.removeAllListeners('response');
  proxyReq.once('response', (proxyRes: IncomingMessage) => {
    const goOn = () => {
      for (const listener of listeners) listener.call(proxyReq, proxyRes);
    };
    if (isHeld(proxyRes)) hold(proxyRes, failed, goOn);
    else goOn();
  });
}

function hold(proxyRes: Held, failed: (error: unknown) => void, goOn: () => void): void {
  const chunks = new HeldChunks();
  let tooLarge = false;

  function readable(): void {
    for (let chunk: Buffer | null = proxyRes.read(); chunk; chunk = proxyRes.read()) {
      tooLarge = !chunks.add(chunk);
    }
    if (!tooLarge && !proxyRes.complete) return;
    proxyRes.off('readable', readable).off('error', failed);
    const body = chunks.end(!tooLarge);
    proxyRes[HELD] = body;
    // Read again by those who come now: a stream that has not told its end yet takes back what it gave.
    if (body.bytes.length > 0) proxyRes.unshift(body.bytes);
    goOn();
  }
  proxyRes.on('readable', readable).on('error', failed);
}

/** The head of a response, as it is judged. */
export function headOf(proxyRes: IncomingMessage): ResponseHead {
  const statusText = sendableReason(proxyRes.statusMessage ?? '');
  return { status: proxyRes.statusCode ?? 0, statusText, rawHeaders: framedOnce(proxyRes) };
}
