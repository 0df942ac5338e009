// npm run fuzz [-- --seconds N --exchanges N --seed S --from N --transport undici|node]
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    exchanges: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    from: { type: 'string', default: '0' },
    transport: { type: 'string' },
  },
});

const seed = Number(values.seed);
const exchanges = values.exchanges === undefined ? undefined : Number(values.exchanges);
const seconds = exchanges === undefined ? Number(values.seconds) : Number.POSITIVE_INFINITY;
for (const transport of ['undici', 'node'] as const) {
  if (values.transport && values.transport !== transport) continue;
  console.log(`${transport}, seed ${seed}, Node ${process.version}`);
  const begun = performance.now();
  const { faults, statuses, ...figures } = await fuzz({
    transport,
    seed,
    seconds,
    exchanges,
    from: Number(values.from),
  });
  console.log({ ...figures, seconds: Math.round((performance.now() - begun) / 1000), statuses });
  for (const fault of faults) console.error(fault);
  console.log(`${faults.length} faults`);
  if (faults.length > 0) process.exitCode = 1;
}
