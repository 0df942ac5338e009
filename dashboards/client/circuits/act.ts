import type { Action, CircuitsResponse, Problem } from '../shared/contract.js';

/** What comes of an action. */
export type ActionOutcome = CircuitsResponse | { readonly problem: Problem };

/** Has the server do something to a circuit. The header field tells it that this page asks, and no other. */
export async function act(action: Action, target: string): Promise<ActionOutcome> {
  try {
    const response = await fetch(`actions/${action}?target=${encodeURIComponent(target)}`, {
      method: 'POST',
      headers: { 'X-Dashboard-Action': action },
    });
    const body: unknown = await response.json();
    // The contract says what either is.
    return response.ok ? (body as CircuitsResponse) : { problem: body as Problem };
  } catch {
    return { problem: { error: 'The server does not answer', code: 'ERR_UNREACHABLE' } };
  }
}
