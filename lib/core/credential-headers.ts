/** Headers whose values tell one client from another, wherever they are sent. */
export const CREDENTIAL_HEADERS: readonly string[] = [
  'authorization',
  'cookie',
  'x-api-key',
  'api-key',
  'x-auth-token',
];
