import { Client, type Dispatcher } from 'undici';
import { Relay } from './relay.js';

/** One connection of a pool, which tells an attempt that it has left the pool's queue. */
export class PoolClient extends Client {
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof Relay) handler.assigned();
    return super.dispatch(options, handler);
  }
}
