import { expect } from 'chai';
import { hasSession, sessionAddress } from '../../../lib/proxy-rotate/gateway-proxy.js';

describe('sessionAddress()', () => {
  for (const place of ['{session}', '%7Bsession%7D', '%7bsession%7d', '{session%7d']) {
    it(`puts the session in the place of ${place}`, () => {
      const url = `http://user-${place}-de:pw@gate.test:3128`;
      expect(hasSession(url)).to.equal(true);
      const login = Buffer.from('user-abc-de:pw').toString('base64');
      expect(sessionAddress(url, 'abc')).to.include({ authorization: `Basic ${login}` });
    });
  }
});
