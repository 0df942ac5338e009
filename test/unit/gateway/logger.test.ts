import { expect } from 'chai';
import { gatewayLogger } from '../../../lib/gateway/logger.js';

function logged(fields: object): Record<string, unknown> {
  const lines: string[] = [];
  gatewayLogger('info', { write: (text: string) => void lines.push(text) }).info(fields, 'x');
  return JSON.parse(lines.join(''));
}

describe('gatewayLogger()', () => {
  it('masks every header that carries a credential, wherever headers are, and no other', () => {
    const headers = {
      'x-goog-api-key': 's3cret',
      'private-token': 's3cret',
      cookie: 's3cret',
      accept: '*/*',
    };
    const masked = { 'x-goog-api-key': '***', 'private-token': '***', cookie: '***', accept: '*/*' };
    expect(logged({ headers })).to.deep.include({ headers: masked });
    expect(logged({ req: { headers } })).to.deep.include({ req: { headers: masked } });
  });

  it('masks the best known credentials elsewhere too, and leaves fields alone that only sound like one', () => {
    expect(logged({ authorization: 's3cret', api: { cookie: 's3cret' }, key: 'users' })).to.deep.include({
      authorization: '***',
      api: { cookie: '***' },
      key: 'users',
    });
  });
});
