import type { Handler } from '../../lib/core/exchange.js';
import { pipeline } from '../../lib/core/pipeline.js';
import { type ForwardHandler, forward } from '../../lib/upstream/forward.js';
import type { ForwardOptions } from '../../lib/upstream/options/forward-options.js';
import { onCleanup } from './cleanup.js';
import { type Served, serve } from './serve.js';

/** Both transports; what does not depend on one is tested with each. */
export const TRANSPORTS = ['undici', 'node'] as const;

/** `forward()`, closed after the test. */
export function openForward(options: ForwardOptions): ForwardHandler {
  const handler = forward(options);
  onCleanup(() => handler.close());
  return handler;
}

/** A server whose last handler is `forward()`, behind the given stages; also takes upgrades. */
export async function startForward(options: ForwardOptions, ...stages: Handler[]): Promise<Served> {
  const last = openForward(options);
  return serve(pipeline([...stages, last]), { upgrade: last.upgrade });
}
