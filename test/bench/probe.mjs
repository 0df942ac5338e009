// Loaded into a process that a benchmark starts, by `--import`: says over the channel what it has spent since it was
// asked last.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
let before = { user: 0, system: 0 };

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({
    cpuMs: (user + system - before.user - before.system) / 1000,
    blockedMs: delay.max / 1e6,
    rssMib: process.memoryUsage.rss() / 1024 / 1024,
  });
  before = { user, system };
  delay.reset();
});
