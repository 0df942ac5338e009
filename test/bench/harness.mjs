// What the benchmarks share.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Median of the numbers. */
export function median(list) {
  const s = [...list].sort((a, b) => a - b);
  const m = s.length >> 1;
  return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2;
}

/** Resolves when a GET of the path at this port of loopback gets a 200. */
export async function up(port, path) {
  for (let i = 0; i < 100; i++) {
    const status = await new Promise((ok) => {
      http
        .get({ host: '127.0.0.1', port, path, agent: false }, (r) =>
          r.resume().on('end', () => ok(r.statusCode)),
        )
        .on('error', () => ok(0));
    });
    if (status === 200) return;
    await sleep(100);
  }
  throw new Error(`nothing responds on ${port}`);
}
