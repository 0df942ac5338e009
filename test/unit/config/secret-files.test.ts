import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError, loadConfig, type ParseOptions, parseConfig } from '../../../lib/config/load-config.js';
import { apiOf, fileOf, problemsOf } from './problems-of.js';

describe('files in a configuration file', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const put = (name: string, content: string | Buffer): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const x = (lines: string, options: ParseOptions = {}) => apiOf(lines, { folder, ...options }).config.apis.x;
  const problems = (lines: string) => problemsOf(fileOf(lines), { folder });

  it('stand for the text that they hold, without the line end behind it', () => {
    put('key', 'k1\n');
    const absolute = put('pair', 'user:word\r\n');
    const api = x(`headers: { Authorization: "Bearer \${file:key}" }\nauth: \${file:${absolute}}`);
    expect(api).to.deep.include({ headers: { Authorization: 'Bearer k1' }, auth: 'user:word' });
  });

  it('keep spaces, and line ends that are within', () => {
    put('lines', ' a\n b \n\n');
    const { config } = parseConfig(`redis: { password: "\${file:lines}" }\n${fileOf('')}`, {
      env: {},
      folder,
    });
    expect(config.redis).to.deep.equal({ password: ' a\n b ' });
  });

  it('may hold numbers and switches, too', () => {
    put('most', '7\n');
    put('off', 'false\n');
    const api = x(`connections: \${file:most}\nbreaker: \${file:off}\nauth: \${file:most}`);
    expect(api).to.include({ connections: 7, breaker: false, auth: '7' });
  });

  it('give way to a default where they are missing or empty', () => {
    put('empty', '\n');
    expect(x(`auth: \${file:none:-a:b}`)?.auth).to.equal('a:b');
    expect(x(`auth: \${file:empty:-a:b}`)?.auth).to.equal('a:b');
    expect(x(`headers: { X-Key: "\${file:none:-}" }`)?.headers).to.deep.equal({});
    expect(x(`auth: \${file:-a:b}`, { env: {} })?.auth, 'a variable').to.equal('a:b');
  });

  it('are read anew each time', () => {
    put('turned', 'old');
    expect(x(`auth: \${file:turned}`)?.auth).to.equal('old');
    put('turned', 'new');
    expect(x(`auth: \${file:turned}`)?.auth).to.equal('new');
  });

  it('are an error where they cannot be read', () => {
    mkdirSync(join(folder, 'folder'));
    put('bytes', Buffer.from([0xff, 0xfe]));
    put('large', 'x'.repeat(64 * 1024 + 1));
    symlinkSync('loop', join(folder, 'loop'));
    const names = ['none', 'folder', 'bytes', 'large', 'loop', '/dev/zero'];
    const headers = names.map((name, i) => `X-${i}: "\${file:${name}}"`);
    expect(problems(`headers: { ${headers.join(', ')} }`)).to.deep.equal([
      `apis.x.headers.X-0 needs the file none, which does not exist (\${file:none:-} allows that)`,
      'apis.x.headers.X-1 needs the file folder, which is a directory; give the path of a file',
      'apis.x.headers.X-2 needs the file bytes, which is not UTF-8 text',
      'apis.x.headers.X-3 needs the file large, which is larger than 64 KiB',
      'apis.x.headers.X-4 needs the file loop, which is a link that leads back to itself',
      'apis.x.headers.X-5 needs the file /dev/zero, which is a device, a pipe or a socket; give the path of a file',
    ]);
  });

  it('are never shown', () => {
    put('word', 'hunter2\n');
    const shown = problems(`connections: \${file:word}\nmethod: \${file:word}`);
    expect(shown).to.deep.equal([
      `apis.x.connections must be a number; received "\${file:word}"`,
      `apis.x.method must be a method in capitals, as POST; received "\${file:word}"`,
    ]);
  });

  it('need a path', () => {
    expect(problems(`auth: "\${file:}"`)).to.deep.equal([
      `apis.x.auth contains a "\${" that is not a reference; write \${NAME}, \${NAME:-default} or \${file:PATH}, or $$ for a literal $`,
    ]);
  });

  describe('that are configurations themselves', () => {
    const refusal = (path: string): string => {
      try {
        loadConfig(path, { env: {} });
      } catch (error) {
        if (error instanceof ConfigError) return error.message;
        throw error;
      }
      throw new Error('It was accepted');
    };

    it('are refused, unread, where they never end or are far too large', () => {
      const large = put('large.yaml', '');
      truncateSync(large, 100 * 1024 * 1024);
      expect(refusal(large)).to.equal(`${large}: is larger than 16 MiB`);
      expect(refusal('/dev/zero')).to.equal(
        '/dev/zero: is a device, a pipe or a socket; give the path of a file',
      );
    });

    it('hold nobody up where they are pipes', () => {
      const pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      expect(refusal(pipe)).to.equal('pipe: is empty');
      expect(problems(`auth: \${file:pipe}`)).to.deep.equal([
        'apis.x.auth needs the file pipe, which is a device, a pipe or a socket; give the path of a file',
      ]);
      expect(problems('ca: pipe')).to.deep.equal([
        `apis.x.ca names a file that is a device, a pipe or a socket: ${pipe}`,
      ]);
    });
  });
});
