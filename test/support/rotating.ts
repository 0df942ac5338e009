import { type ProxyRotateHandler, proxyRotate } from '../../lib/proxy-rotate/proxy-rotate.js';
import type { ProxyRotateOptions } from '../../lib/proxy-rotate/proxy-rotate-options.js';
import { onCleanup } from './cleanup.js';

/** A rotation on a clock that goes on only when told to, or with the real time where it never is. */
export interface Rotating {
  readonly rotate: ProxyRotateHandler;
  /** What it told, one line an event. */
  readonly told: readonly string[];
  advance(ms: number): void;
}

/** `proxyRotate()`, closed after the test. */
export function rotating(options: ProxyRotateOptions): Rotating {
  let ahead = 0;
  const rotate = proxyRotate(options, () => performance.timeOrigin + performance.now() + ahead);
  onCleanup(() => rotate.close());
  const told: string[] = [];
  rotate.on('cooldown', ({ proxy, origin, reason, cooldownMs }) =>
    told.push(`cooldown ${proxy}${origin ? ` for ${origin}` : ''}: ${reason}, ${cooldownMs} ms`),
  );
  rotate.on('recovered', ({ proxy, origin }) =>
    told.push(`recovered ${proxy}${origin ? ` for ${origin}` : ''}`),
  );
  rotate.on('exhausted', ({ direct }) => told.push(`exhausted${direct ? ', direct' : ''}`));
  return {
    rotate,
    told,
    advance: (ms) => {
      ahead += ms;
    },
  };
}
