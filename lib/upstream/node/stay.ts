import type { ServerResponse } from 'node:http';
import type { Exchange } from '../../core/exchange.js';
import type { ListenerMark } from './listener-mark.js';

/**
 * httpxy stops when the client leaves. Not while others wait for the response: they get the rest of it.
 * @param mark where httpxy began to listen to that
 */
export function stay(mark: ListenerMark, res: ServerResponse, exchange: Exchange): void {
  const stops = mark.take();
  res.on('close', () => {
    // What is paused is waiting for the client that has left.
    if (!exchange.abandoned) res.emit('drain');
    else for (const stop of stops) stop();
  });
}
