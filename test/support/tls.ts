import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate authority for tests, and a certificate that it signed. */
export interface Credentials {
  readonly key: string;
  readonly cert: string;
  /** Certificate of the authority. */
  readonly ca: string;
}

const made = new Map<string, Credentials>();
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/**
 * A certificate for these subject alternative names, for example `DNS:localhost` or `IP:127.0.0.1`, signed by an
 * authority that is not trusted. Made with the openssl binary, once for each set of names.
 */
export function credentials(names = 'DNS:localhost,IP:127.0.0.1'): Credentials {
  const known = made.get(names);
  if (known) return known;
  const folder = mkdtempSync(join(tmpdir(), 'resilient-proxy-out-tls-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe', cwd: folder });
  try {
    openssl(
      'req',
      '-x509',
      ...EC,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=Test CA',
      '-days',
      '2',
    );
    openssl('req', ...EC, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=leaf');
    writeFileSync(file('names.cnf'), `subjectAltName=${names}\n`);
    openssl(
      ...['x509', '-req', '-in', 'leaf.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-out', 'leaf.pem', '-days', '2', '-extfile', 'names.cnf'],
    );
    const read = (name: string) => readFileSync(file(name), 'utf8');
    const result = { key: read('leaf.key'), cert: read('leaf.pem'), ca: read('ca.pem') };
    made.set(names, result);
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
