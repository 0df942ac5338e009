import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LogStream } from '../../../lib/gateway/log-stream.js';
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

function stream(fd: number, maxWaitingBytes?: number) {
  const recovered: number[] = [];
  return { log: new LogStream(fd, (dropped) => recovered.push(dropped), maxWaitingBytes), recovered };
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
    await new Promise((resolve) => setTimeout(resolve, 250));
    for (let i = 500; i < 600; i++) log.write(`${i} ${LINE}`);
    expect(recovered).to.deep.equal([]);
    await until(() => {
      read();
      return recovered.length > 0;
    });
    const numbers = read()
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        expect(line).to.match(/^\d+ x{999}$/);
        return Number(line.split(' ')[0]);
      });
    expect(numbers).to.deep.equal([...numbers].sort((a, b) => a - b));
    expect(numbers.length).to.be.within(200, 300);
    expect(recovered).to.deep.equal([600 - numbers.length]);
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
      log.write(LINE);
      return recovered.length > 0;
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
    await new Promise((resolve) => setTimeout(resolve, 50));
    const torn = read().length;
    expect(torn).to.be.within(1, 99_999);
    // In place of a full disk: the descriptor is not open, until it is again.
    closeSync(to);
    await new Promise((resolve) => setTimeout(resolve, 150));
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
    log.flushSync();
  });

  it('says how many lines were dropped once the disk has room again', async () => {
    const path = join(folder(), 'log');
    const file = open(path, 'w');
    const log = new LogStream(file, (dropped) => log.write(`dropped ${dropped}\n`));
    // In place of a full disk: a descriptor that is not open, until it is again.
    closeSync(file);
    for (let i = 0; i < 3; i++) log.write('lost\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(openSync(path, 'w')).to.equal(file);
    log.write('written\n');
    await until(() => readFileSync(path, 'utf8') === 'written\ndropped 3\n');
  });

  it('writes what waits when it is flushed', () => {
    const { to, read } = pipe();
    const { log } = stream(to);
    log.write('first\n');
    log.write('second\n');
    log.flushSync();
    // The first is being written by a thread.
    expect(read()).to.include('second\n');
  });

  it('does not wait long for a reader that does not read when it is flushed', async () => {
    const { to } = pipe();
    const { log } = stream(to);
    for (let i = 0; i < 200; i++) log.write(LINE);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const begun = performance.now();
    log.flushSync();
    expect(performance.now() - begun).to.be.within(150, 1000);
  });
});
