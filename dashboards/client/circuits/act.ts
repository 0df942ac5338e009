import type { Action, CircuitsResponse, Problem } from '../shared/contract.js';

/** Result of an action. */
export type ActionOutcome = CircuitsResponse | { readonly problem: Problem };

/** Has the server act on a circuit. Pages of other origins cannot send the header. */
export async function act(action: Action, target: string): Promise<ActionOutcome> {
  try {
    const response = await fetch(`actions/${action}?target=${encodeURIComponent(target)}`, {
      method: 'POST',
      headers: { 'X-Dashboard-Action': action },
    });
    const body: unknown = await response.json();
    // The types of both are in the contract.
    return response.ok ? (body as CircuitsResponse) : { problem: body as Problem };
  } catch {
    return { problem: { error: 'The server does not respond', code: 'ERR_UNREACHABLE' } };
  }
}
