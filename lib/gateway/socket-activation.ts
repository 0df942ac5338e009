import { UsageError } from './command-line.js';

/** The first descriptor that a service manager hands over (sd_listen_fds(3)). */
const FIRST = 3;

/**
 * The descriptor of the listening socket that systemd has handed to this process (socket activation); `undefined` if
 * there is none. The variables that say so are removed: they are not for the processes that this one starts.
 * @throws UsageError if there are several
 */
export function activatedSocket(env = process.env, pid = process.pid): number | undefined {
  const { LISTEN_PID, LISTEN_FDS = '' } = env;
  // Those that are for another process are of no concern.
  if (LISTEN_PID !== String(pid)) return undefined;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name];
  if (LISTEN_FDS === '1') return FIRST;
  throw new UsageError(
    `LISTEN_FDS must be 1: the gateway serves one socket, with one ListenStream= in its .socket unit; received ${JSON.stringify(LISTEN_FDS)}`,
  );
}
