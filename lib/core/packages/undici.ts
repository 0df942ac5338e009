import type * as types from 'undici';
// Not the index, of which nine tenths are `fetch` and the like: half the time to start, and a fifth of a bundle.
// @ts-expect-error undici ships types for its index alone.
import connect from 'undici/lib/core/connect.js';
// @ts-expect-error
import errors from 'undici/lib/core/errors.js';
// @ts-expect-error
import symbols from 'undici/lib/core/symbols.js';
// @ts-expect-error
import client from 'undici/lib/dispatcher/client.js';
// @ts-expect-error
import pool from 'undici/lib/dispatcher/pool.js';

// undici is loaded once calls are forwarded through it.
export const undiciConnector = (): typeof types.buildConnector => connect;
export const undiciErrors = (): typeof types.errors => errors;
export const undiciClient = (): typeof types.Client => client;
export const undiciPool = (): typeof types.Pool => pool;
export const undiciSymbols = (): { readonly kParser: symbol } => symbols;
