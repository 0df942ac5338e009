import { execFileSync } from 'node:child_process';

/** Arguments for Node that run the gateway as it is built. */
export const GATEWAY_PROGRAM: readonly string[] = ['dist/lib/gateway/main.js'];

/** On a machine that does much else. */
const BUILD_MS = 180_000;

/** A hook before tests: builds what `GATEWAY_PROGRAM` runs, unless it is built: it starts in half the time of the sources. */
export function buildGateway(this: Mocha.Context): void {
  this.timeout(BUILD_MS);
  execFileSync(process.execPath, ['test/support/build-if-needed.mjs'], { stdio: 'inherit' });
}
