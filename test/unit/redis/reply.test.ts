import { expect } from 'chai';
import { replyWithin } from '../../../lib/redis/reply.js';

/** An error as Redis replies it. */
function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

/** As a client of a Cluster puts the last error of its nodes. */
function clusterError(lastNodeError: Error): Error {
  return Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError });
}

describe('replyWithin()', () => {
  it('returns the reply', async () => {
    expect(await replyWithin(async () => 5, 1000)).to.deep.equal({ ok: true, value: 5 });
  });

  it('gives up in time', async () => {
    const never = new Promise<never>(() => {});
    expect(await replyWithin(() => never, 1)).to.deep.equal({
      ok: false,
      refused: false,
      reason: 'TIMEOUT',
    });
  });

  it('returns the code of an error, and nothing it quotes', async () => {
    const cases: [unknown, boolean, string][] = [
      [replyError('OOM command not allowed'), true, 'OOM'],
      [replyError("ERR unknown command 'AUTH', with args beginning with: 's3cret'"), true, 'ERR'],
      [replyError('ERR DB index is out of range'), true, 'NODB'],
      [Object.assign(replyError('ERR unknown command'), { command: { name: 'select' } }), true, 'NODB'],
      [Object.assign(replyError('NOPERM no'), { command: { name: 'select' } }), true, 'NOPERM'],
      // As Redis 6.2 puts it.
      [
        replyError("ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write"),
        true,
        'READONLY',
      ],
      [new Error('All sentinels are unreachable. Last error: connect ECONNREFUSED'), false, 'ECONNREFUSED'],
      [replyError('s3cret is wrong'), true, 'ReplyError'],
      [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), false, 'ECONNREFUSED'],
      [new Error('Connection is closed.'), false, 'Error'],
      [clusterError(new Error('Connection is closed.')), false, 'UNREACHABLE'],
      [clusterError(replyError('NOAUTH Authentication required.')), false, 'NOAUTH'],
      [clusterError(replyError('ERR This instance has cluster support disabled')), false, 'NOCLUSTER'],
      ['s3cret', false, 'ERROR'],
    ];
    for (const [error, refused, reason] of cases) {
      const expected = { ok: false, refused, reason };
      expect(await replyWithin(() => Promise.reject(error), 1000)).to.deep.equal(expected);
      const throwing = (): never => {
        throw error;
      };
      expect(await replyWithin(throwing, 1000)).to.deep.equal(expected);
    }
  });
});
