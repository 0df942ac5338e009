/** Runtimes beside Node, which come from the npm registry; 90 MB each. */
export const RUNTIMES = {
  bun: { version: '1.4.5', binary: 'node_modules/bun/bin/bun.exe', args: [] },
  deno: { version: '2.9.6', binary: 'node_modules/deno/deno', args: ['run', '--allow-all'] },
};
