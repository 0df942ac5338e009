import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const MIB = 1024 * 1024;

/** MiB of a half of the young part of a process whose objects survive, after `keepYoungHeapSmall()` or without it. */
async function youngMib(call: string, options: readonly string[] = []): Promise<number> {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { keepYoungHeapSmall } from './lib/gateway/young-heap.js';
    ${call}
    const kept = [];
    for (let i = 0; i < 2_000_000; i++) kept.push({ i });
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    console.log(young.space_used_size + young.space_available_size);`;
  const args = [...options, '--import', 'tsx', '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout) / MIB;
}

describe('keepYoungHeapSmall', () => {
  it('keeps the young part of the heap at 8 MiB, where it would grow', async () => {
    const [kept, grown] = await Promise.all([youngMib('keepYoungHeapSmall();'), youngMib('')]);
    expect(grown).to.be.above(12);
    expect(kept).to.be.within(6, 8);
  });

  it('has it grow back where V8 has made it smaller, once there is work again', async function growBack() {
    this.timeout(60_000);
    const script = `
      import { getHeapSpaceStatistics } from 'node:v8';
      import { setTimeout as wait } from 'node:timers/promises';
      import { keepYoungHeapSmall } from './lib/gateway/young-heap.js';
      const young = () => {
        const { space_used_size, space_available_size } =
          getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
        return (space_used_size + space_available_size) / ${MIB};
      };
      const until = async (isSo, work) => { while (!isSo(young())) { work(); await wait(100); } };
      const spin = () => { const end = performance.now() + 50; while (performance.now() < end); };
      keepYoungHeapSmall();
      await until((size) => size <= 4, gc);
      await until((size) => size >= 6, spin);
      console.log(young());`;
    const args = ['--expose-gc', '--import', 'tsx', '--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(Number(stdout)).to.be.within(6, 8);
  });

  it('leaves it as the operator wants it', async () => {
    expect(await youngMib('keepYoungHeapSmall();', ['--max-semi-space-size=1'])).to.be.at.most(1);
  });
});
