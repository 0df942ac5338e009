import { inspect } from 'node:util';

/**
 * Tells who runs the process of what has failed where no call may fail by it, as a warning of the process:
 * `process.on('warning')` hears a `ListenerWarning` with the code `RESILIENT_PROXY_LISTENER`, or the like. It never
 * throws, whatever was thrown.
 */
export function warnOf(kind: 'Listener' | 'Permit', what: string, thrown: unknown): void {
  const { message, detail } = readable(thrown);
  process.emitWarning(`${what}: ${message}`, {
    type: `${kind}Warning`,
    code: `RESILIENT_PROXY_${kind.toUpperCase()}`,
    ...(detail === undefined ? {} : { detail }),
  });
}

function readable(thrown: unknown): { message: string; detail?: string } {
  if (typeof thrown === 'string') return { message: thrown };
  try {
    if (!(thrown instanceof Error)) return { message: inspect(thrown, { customInspect: false }) };
    const { message, stack } = thrown;
    // `Error.prepareStackTrace` may make anything of a stack.
    return typeof stack === 'string' ? { message, detail: stack } : { message: String(message) };
  } catch {
    return { message: 'what it threw cannot be shown' };
  }
}
