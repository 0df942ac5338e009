import { expect } from 'chai';
import { gatewayLogger, type Logger } from '../../../lib/gateway/logger.js';
import { prettyLines } from '../../../lib/gateway/pretty-line.js';

/** What is shown of one line, without its time. */
function shown(log: (logger: Logger) => void): string {
  let text = '';
  const write = (line: string): void => {
    text += prettyLines(line, false);
  };
  log(gatewayLogger('trace', { write }));
  expect(text).to.match(/^\d\d:\d\d:\d\d\.\d{3} /);
  return text.slice(13);
}

describe('prettyLines()', () => {
  it('shows the message and what belongs to it', () => {
    expect(
      shown((logger) => logger.warn({ api: 'x', failures: 2, list: ['a b'] }, 'circuit "x" opened')),
    ).to.equal('WARN  circuit "x" opened api=x failures=2 list=["a b"]\n');
  });

  it('shows a call by its request line', () => {
    const call = {
      requestId: 'r-1',
      api: 'x',
      method: 'GET',
      path: '/api/x/a',
      status: 200,
      durationMs: 7,
      cache: 'hit',
    };
    expect(shown((logger) => logger.info(call, 'call'))).to.equal(
      'INFO  GET /api/x/a 200 7 ms requestId=r-1 cache=hit\n',
    );
    const left = { method: 'GET', path: '/api/x/a', durationMs: 7, aborted: true, by: 'target' };
    expect(shown((logger) => logger.warn(left, 'the response broke off: reset'))).to.equal(
      'WARN  GET /api/x/a --- aborted 7 ms: the response broke off: reset by=target\n',
    );
  });

  it('shows errors with their stacks, below', () => {
    const err = Object.assign(new Error('it broke'), { code: 'EIO' });
    err.stack = 'Error: it broke\n    at here (file.js:1:1)';
    expect(shown((logger) => logger.error({ err }, 'an admin route failed'))).to.equal(
      'ERROR an admin route failed\n    Error: it broke\n    at here (file.js:1:1)\n    code=EIO\n',
    );
  });

  it('lets no text control the terminal', () => {
    const text = shown((logger) =>
      logger.warn({ cause: '\x1b]0;x\x07', path: '\u202ea\nb' }, 'a\x1b[2Jb\r\nc\u009b1m'),
    );
    expect(text).to.equal(
      'WARN  a\\u001b[2Jb\\u000d\\u000ac\\u009b1m path="\\u202ea\\nb"\n    "\\u001b]0;x\\u0007"\n',
    );
  });

  it('leaves what is not JSON as it is, and passes on several lines', () => {
    const trace = 'FATAL ERROR: out of memory\n{not json\n';
    expect(prettyLines(trace, true)).to.equal(trace);
    expect(prettyLines('{"level":"info","msg":"a"}\n{"level":"info","msg":"b"}\n', false)).to.equal(
      'INFO  a\nINFO  b\n',
    );
  });
});
