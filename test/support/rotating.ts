import { type ProxyRotateHandler, proxyRotate } from '../../lib/proxy-rotate/proxy-rotate.js';
import type { ProxyRotateOptions } from '../../lib/proxy-rotate/proxy-rotate-options.js';
import { onCleanup } from './cleanup.js';

/** A rotation on the real clock, which a test can advance. */
export interface Rotating {
  readonly rotate: ProxyRotateHandler;
  /** Its events, one line each. */
  readonly events: readonly string[];
  advance(ms: number): void;
}

/** `proxyRotate()`, closed after the test. */
export function rotating(options: ProxyRotateOptions): Rotating {
  let ahead = 0;
  const rotate = proxyRotate(options, () => performance.timeOrigin + performance.now() + ahead);
  onCleanup(() => rotate.close());
  const events: string[] = [];
  rotate.on('cooldown', ({ proxy, origin, reason, cooldownMs }) =>
    events.push(`cooldown ${proxy}${origin ? ` for ${origin}` : ''}: ${reason}, ${cooldownMs} ms`),
  );
  rotate.on('recovered', ({ proxy, origin }) =>
    events.push(`recovered ${proxy}${origin ? ` for ${origin}` : ''}`),
  );
  rotate.on('exhausted', ({ direct }) => events.push(`exhausted${direct ? ', direct' : ''}`));
  return {
    rotate,
    events,
    advance: (ms) => {
      ahead += ms;
    },
  };
}
