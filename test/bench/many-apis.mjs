// A configuration of many APIs, and the gateway with one. Used by start.mjs and reload-many.mjs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const fileOf = (name) => fileURLToPath(new URL(name, import.meta.url));

const apiOf = (i, ttlMs) => `  api-${i}:
    target: https://api-${i}.example.com/v2
    headers: { Authorization: "Bearer \${KEY_${i % 50}:-k${i}}" }
    cache: { ttlMs: ${ttlMs} }
    rateLimit: { limit: 50, windowMs: 10000 }
    breaker: { failureThreshold: 5 }
`;

/** @param changed what differs in one of them */
export const textOf = (apis, changed = 1) =>
  `server: { port: 0, watch: false }\ndefaults:\n  retry: { maxAttempts: 3 }\napis:\n${Array.from(
    { length: apis },
    (_, i) => apiOf(i, i === 7 ? changed : 60_000),
  ).join('')}`;

/** The gateway as a process of its own. */
export class Gateway {
  #folder = mkdtempSync(join(tmpdir(), 'bench-many-'));
  #file = join(this.#folder, 'apis.yaml');
  #kid;
  #log = '';
  url = '';

  write(text) {
    writeFileSync(`${this.#file}.new`, text);
    renameSync(`${this.#file}.new`, this.#file);
  }

  async start(text) {
    this.write(text);
    const args = ['--import', fileOf('probe.mjs'), fileOf('../../dist/lib/gateway/main.js')];
    this.#kid = spawn(process.execPath, [...args, '--config', this.#file], {
      env: { ...process.env, LOG_FORMAT: 'json' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#kid.stderr.on('data', (chunk) => {
      this.#log += chunk;
    });
    const [line] = await once(this.#kid.stdout, 'data');
    this.url = /http:\S+/.exec(String(line))?.[0] ?? '';
    return this;
  }

  /** What it has spent since this was asked last. */
  async spent() {
    this.#kid.send('spent');
    const [spent] = await once(this.#kid, 'message');
    return spent;
  }

  /** Resolves with what it has logged. */
  async reload(text) {
    this.write(text);
    this.#log = '';
    this.#kid.kill('SIGHUP');
    while (!/reloaded/.test(this.#log)) await once(this.#kid.stderr, 'data');
    return this.#log;
  }

  async stop() {
    const ended = once(this.#kid, 'exit');
    this.#kid.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true });
  }
}
