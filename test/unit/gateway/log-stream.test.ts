import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type DroppedLines, LogStream } from '../../../lib/gateway/log-stream.js';
import { onCleanup } from '../../support/cleanup.js';
import { until } from '../../support/until.js';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'log-stream-'));
  onCleanup(() => rmSync(path, { recursive: true }));
  return path;
}

function open(path: string, flags: number | string): number {
  const fd = openSync(path, flags);
  onCleanup(() => closeSync(fd));
  return fd;
}

/** A pipe, whose reader reads when the test does. */
function pipe() {
  const path = join(folder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const from = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const to = open(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(1024 * 1024);
  let text = '';
  const read = (): string => {
    try {
      for (let bytes = 1; bytes > 0; ) {
        bytes = readSync(from, buffer);
        text += buffer.subarray(0, bytes).toString();
      }
    } catch {
      // Nothing is there to read.
    }
    return text;
  };
  return { to, read };
}

function stream(fd: number, maxBytes?: number, blocks = fstatSync(fd).isFile()) {
  const recovered: number[] = [];
  const told = ({ dropped }: DroppedLines): void => void recovered.push(dropped);
  return { log: new LogStream({ fd, blocks }, { recovered: told, maxBytes }), recovered };
}

const LINE = `${'x'.repeat(999)}\n`;

describe('LogStream', () => {
  it('writes lines in their order', async () => {
    const path = join(folder(), 'log');
    const { log, recovered } = stream(open(path, 'w'));
    const lines = Array.from({ length: 1000 }, (_, i) => `line ${i} é\n`);
    for (const line of lines) log.write(line);
    await until(() => readFileSync(path, 'utf8') === lines.join(''));
    expect(recovered).to.deep.equal([]);
  });

  it('waits for a reader that does not read, drops what finds no room, and says how much once it reads', async () => {
    const { to, read } = pipe();
    const { log, recovered } = stream(to, 200_000);
    for (let i = 0; i < 500; i++) log.write(`${i} ${LINE}`);
    await until(() => log.status().problem === 'slow reader');
    for (let i = 500; i < 600; i++) log.write(`${i} ${LINE}`);
    expect(recovered).to.deep.equal([]);
    expect(log.status().waitingBytes).to.be.within(100_000, 200_000);
    await until(() => {
      read();
      return recovered.length > 0 && log.status().waitingBytes === 0;
    });
    const numbers = read()
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        expect(line).to.match(/^\d+ x{999}$/);
        return Number(line.split(' ')[0]);
      });
    expect(numbers).to.deep.equal([...numbers].sort((a, b) => a - b));
    expect(numbers.length).to.be.within(190, 300);
    expect(recovered).to.deep.equal([600 - numbers.length]);
    expect(log.status()).to.include({ droppedLines: 600 - numbers.length, problem: null });
    log.write('again\n');
    await until(() => read().endsWith('again\n'));
  });

  it('tells of dropped lines while others are written without a pause', async () => {
    const { to, read } = pipe();
    const { log, recovered } = stream(to, 200_000);
    for (let i = 0; i < 500; i++) log.write(LINE);
    await until(() => {
      read();
      // As much again before the last is written.
      if (recovered.length === 0) log.write(LINE);
      return recovered.length > 0 && log.status().waitingBytes === 0;
    });
  });

  it('writes as fast as a reader reads that is late each time', async () => {
    const { to, read } = pipe();
    const { log, recovered } = stream(to);
    for (let i = 0; i < 4000; i++) log.write(LINE);
    // Sixty pipes full: a pause of 100 ms behind each would take longer than this waits.
    await until(() => read().length === 4_000_000);
    expect(recovered).to.deep.equal([]);
  });

  it('begins a line of its own behind one that was torn', async () => {
    const { to, read } = pipe();
    const path = join(folder(), 'log');
    const { log } = stream(to);
    // More than a pipe takes: the first write is a part of it.
    log.write(`${'t'.repeat(100_000)}\n`);
    await until(() => log.status().problem === 'slow reader');
    const torn = read().length;
    expect(torn).to.be.within(1, 99_999);
    // In place of a full disk: the descriptor is not open, until it is again.
    closeSync(to);
    await until(() => log.status().problem === 'EBADF');
    expect(openSync(path, 'w')).to.equal(to);
    log.write('whole\n');
    await until(() => readFileSync(path, 'utf8').endsWith('\nwhole\n'));
  });

  it('drops lines that cannot be written, and goes on', async () => {
    const { log } = stream(open('/dev/full', 'w'));
    for (let i = 0; i < 10; i++) {
      log.write(LINE);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => log.status().droppedLines === 10);
    expect(log.status()).to.deep.equal({ droppedLines: 10, waitingBytes: 0, problem: 'ENOSPC' });
    log.write(LINE);
    log.flushSync();
  });

  it('keeps no more than its bound, whatever lines are made of', async () => {
    const { to, read } = pipe();
    const { log } = stream(to);
    const before = process.memoryUsage();
    // As pino puts a line together: from many pieces, each of which would take memory of its own.
    for (let i = 0; i < 100_000; i++) {
      let line = '{';
      for (let part = 0; part < 20; part++) line += `"é${part}":${i + part},`;
      log.write(`${line}}\n`);
      if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const after = process.memoryUsage();
    expect(log.status().droppedLines).to.be.above(50_000);
    expect(log.status().waitingBytes).to.be.within(7_000_000, 8_388_608);
    expect(after.arrayBuffers - before.arrayBuffers).to.be.below(9_000_000);
    await until(() => read() !== '' && log.status().waitingBytes === 0);
  });

  it('is written by a thread where a write may block', async () => {
    const { to, read } = pipe();
    const { log, recovered } = stream(to, 200_000, true);
    for (let i = 0; i < 300; i++) log.write(`${i} ${LINE}`);
    await until(() => {
      if (recovered.length === 0) log.write('x\n');
      read();
      return recovered.length > 0 && log.status().waitingBytes === 0;
    });
    for (const line of read().split('\n').slice(0, -1)) expect(line).to.match(/^(?:\d+ x{999}|x)$/);
  });

  it('says how many lines were dropped once the disk has room again', async () => {
    const path = join(folder(), 'log');
    const file = open(path, 'w');
    const log = new LogStream(
      { fd: file, blocks: true },
      { recovered: ({ dropped, problem }) => log.write(`dropped ${dropped}: ${problem}\n`) },
    );
    // In place of a full disk: a descriptor that is not open, until it is again.
    closeSync(file);
    for (let i = 0; i < 3; i++) log.write('lost\n');
    await until(() => log.status().droppedLines === 3);
    expect(openSync(path, 'w')).to.equal(file);
    log.write('written\n');
    await until(() => readFileSync(path, 'utf8') === 'written\ndropped 3: EBADF\n');
  });

  it('writes what waits when it is flushed', () => {
    const { to, read } = pipe();
    const { log } = stream(to);
    log.write('first\n');
    log.write('second\n');
    log.flushSync();
    expect(read()).to.equal('first\nsecond\n');
  });

  it('waits for a reader that reads slowly when it is flushed', async () => {
    const path = join(folder(), 'fifo');
    execFileSync('mkfifo', [path]);
    const script = `const f = fs.openSync(process.argv[1]); const b = Buffer.alloc(16384); let all = 0;
      for (let n = 1; n > 0; all += n) { n = fs.readSync(f, b); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10); }
      console.log(all);`;
    const reader = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    onCleanup(() => reader.kill());
    let read = '';
    reader.stdout.on('data', (chunk) => {
      read += chunk;
    });
    // Opened without blocking, once there is a reader.
    let to = -1;
    await until(() => {
      try {
        to = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      } catch {
        return false;
      }
      return true;
    });
    const { log } = stream(to);
    for (let i = 0; i < 500; i++) log.write(LINE);
    log.flushSync();
    closeSync(to);
    await until(() => read !== '');
    expect(read).to.equal('500000\n');
  });

  it('does not wait long for a reader that does not read when it is flushed', async () => {
    const { to, read } = pipe();
    const { log } = stream(to);
    for (let i = 0; i < 200; i++) log.write(LINE);
    await until(() => log.status().problem === 'slow reader');
    const begun = performance.now();
    log.flushSync();
    expect(performance.now() - begun).to.be.within(150, 1000);
    await until(() => read() !== '' && log.status().waitingBytes === 0);
  });
});
