/** Node refuses a value of a request as it refuses one of a response: where there is no request yet, it is not the target's. */
export function unsendable(error: unknown): unknown {
  const refused = error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_CHAR';
  return refused ? Object.assign(new Error(error.message), { code: 'ERR_HTTP_INVALID_HEADER_VALUE' }) : error;
}
