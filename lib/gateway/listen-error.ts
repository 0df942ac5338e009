/** Where a server was to listen, and the option that chooses its port. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly option: '--port' | '--demo-port' | 'server.admin.port';
  /** Descriptor of a socket that another process has opened, in place of the others. */
  readonly socket?: number | undefined;
}

/** Thrown where a server cannot listen; its message says what a user can do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** What a user can do about it. */
export function listenError(error: unknown, { host, port, option, socket }: Place): string {
  if (error instanceof ListenError) return error.message;
  const code = codeOf(error);
  if (socket !== undefined)
    return `descriptor ${socket}, which LISTEN_FDS announces, is no socket of a ListenStream= (${code})`;
  if (code === 'EADDRINUSE') return `port ${port} of ${host} is in use; choose another with ${option}`;
  if (code === 'EACCES')
    return `port ${port} of ${host} needs more privileges; choose one above 1023 with ${option}`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${host} is not an address of this machine; see ${option === 'server.admin.port' ? 'server.admin.host' : '--host'}`;
  return `cannot listen on port ${port} of ${host} (${code})`;
}

/** The code of an error; empty where it has none. */
export const codeOf = (error: unknown) =>
  error instanceof Error && 'code' in error ? String(error.code) : '';
