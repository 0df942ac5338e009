import type { Action, CircuitsResponse, Problem } from '../shared/contract.js';

/** Result of an action. */
export type ActionOutcome = CircuitsResponse | { readonly problem: Problem };

/**
 * Has the server act on a circuit, or on the cache of an API. Pages of other origins cannot send the header.
 * @param name the circuit's name; for `purge`, the API's
 */
export async function act(action: Action, name: string): Promise<ActionOutcome> {
  const parameter = action === 'purge' ? 'api' : 'circuit';
  try {
    const response = await fetch(`actions/${action}?${parameter}=${encodeURIComponent(name)}`, {
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
