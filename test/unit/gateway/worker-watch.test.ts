import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { WorkerWatch } from '../../../lib/gateway/worker-watch.js';
import { toyTime } from '../../support/toy-time.js';

const WHY = 'its event loop is blocked, or it is stopped';

describe('WorkerWatch', () => {
  /** Workers 1 and 2; those in `silent` do not reply. */
  function watching(options: { debugged?: boolean } = {}) {
    const time = toyTime();
    const lines: string[] = [];
    const killed: number[] = [];
    const silent = new Map<number, (reply: unknown) => void>();
    const say =
      (level: string) =>
      ({ worker }: { worker: number }, message: string) =>
        void lines.push(`${level} ${worker}: ${message}`);
    const watch = new WorkerWatch(
      {
        // Of a logger nothing else is used.
        logger: { info: say('info'), warn: say('warn'), error: say('error') } as never,
        serving: () => [1, 2].map((id) => ({ id, process: { pid: id * 100, kill: () => killed.push(id) } })),
        ask: ({ id }) =>
          silent.has(id) ? new Promise((resolve) => silent.set(id, resolve)) : Promise.resolve(true),
        debugged: false,
        ...options,
      },
      time,
    );
    /** So many looks, each with time for a reply. */
    async function look(times: number) {
      for (let i = 0; i < times; i++) {
        time.advance(1000);
        await setImmediate();
      }
    }
    const reply = async (id: number, word: unknown) => {
      silent.get(id)?.(word);
      silent.delete(id);
      await setImmediate();
    };
    return { watch, time, lines, killed, look, reply, silence: (id: number) => silent.set(id, () => {}) };
  }

  it('says nothing of those that reply', async () => {
    const { watch, lines, killed, look } = watching();
    await look(100);
    expect([lines, killed, watch.problems()]).to.deep.equal([[], [], []]);
  });

  it('says nothing of one that was busy for a moment', async () => {
    const { watch, lines, look, reply, silence } = watching();
    silence(1);
    await look(5);
    await reply(1, true);
    await look(10);
    expect([lines, watch.problems()]).to.deep.equal([[], []]);
  });

  it('tells once of one that is silent, and once that it replies again', async () => {
    const { watch, lines, look, reply, silence } = watching();
    silence(2);
    await look(9);
    expect(lines).to.deep.equal([`warn 200: a worker does not respond: ${WHY}`]);
    expect(watch.problems()).to.deep.equal([`worker 200 has not responded for 8 s: ${WHY}`]);
    await reply(2, true);
    await look(10);
    expect(lines.slice(1)).to.deep.equal(['info 200: a worker responds again']);
    expect(watch.problems()).to.deep.equal([]);
  });

  it('kills one that is silent for half a minute, once', async () => {
    const { lines, killed, look, reply, silence, watch } = watching();
    silence(1);
    await look(31);
    expect(killed).to.deep.equal([1]);
    expect(lines.at(-1)).to.equal('error 100: a worker does not respond and is killed');
    await look(5);
    // It has ended.
    await reply(1, undefined);
    expect(killed).to.deep.equal([1]);
    expect(lines).to.have.length(2);
    expect(watch.problems()).to.deep.equal([]);
  });

  it('kills none that somebody may be looking into', async () => {
    const { watch, killed, look, silence } = watching({ debugged: true });
    silence(1);
    await look(100);
    expect(killed).to.deep.equal([]);
    expect(watch.problems()).to.deep.equal([`worker 100 has not responded for 99 s: ${WHY}`]);
  });

  it('looks no more once it is closed', async () => {
    const { watch, killed, look, silence } = watching();
    silence(1);
    watch.close();
    await look(100);
    expect(killed).to.deep.equal([]);
  });
});
