import { expect } from 'chai';
import type { InvalidOptionError } from '../../../../lib/core/errors.js';
import { forward } from '../../../../lib/upstream/forward.js';
import type { ForwardOptions } from '../../../../lib/upstream/options/forward-options.js';
import { credentials } from '../../../support/tls.js';

const server = credentials('DNS:api.internal,IP:127.0.0.1');
const client = credentials('DNS:client.internal');
const other = credentials('DNS:other.internal');

describe('forward() refuses certificates', () => {
  const secret = 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg';
  const target = 'https://api.example';
  const pem = 'must be PEM text, which holds a line -----BEGIN …; only a configuration file takes a path';

  for (const [what, options, path, message] of [
    ['a path', { ca: 'ca.pem' }, 'forward.ca', `forward.ca ${pem}; received a string of 6 characters`],
    [
      'a path in a list',
      { ca: [server.ca, 'ca.pem'] },
      'forward.ca[1]',
      `forward.ca[1] ${pem}; received a string of 6 characters`,
    ],
    [
      'a key that is not PEM text',
      { cert: client.cert, key: secret },
      'forward.key',
      `forward.key ${pem}; received a string of ${secret.length} characters`,
    ],
    ['no authority', { ca: [] }, 'forward.ca', 'forward.ca must not be an empty list'],
    [
      'a certificate without its key',
      { cert: client.cert },
      'forward.cert',
      'forward.cert needs key beside it',
    ],
    ['a key without its certificate', { key: client.key }, 'forward.key', 'forward.key needs cert beside it'],
    [
      'a key of another certificate',
      { cert: client.cert, key: other.key },
      'forward.key',
      'forward.key is not the key of forward.cert',
    ],
    [
      'a certificate that cannot be read',
      { cert: `-----BEGIN CERTIFICATE-----\n${secret}\n-----END CERTIFICATE-----\n`, key: client.key },
      'forward.cert',
      'forward.cert holds no certificate that can be read',
    ],
    [
      'an authority that cannot be read',
      { ca: `-----BEGIN CERTIFICATE-----\n${secret}\n-----END CERTIFICATE-----\n` },
      'forward.ca',
      'forward.ca holds no certificate that can be read',
    ],
    [
      'a key that cannot be read',
      { cert: client.cert, key: `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n` },
      'forward.key',
      'forward.key holds no private key that can be read; one with a passphrase goes into ssl',
    ],
    [
      'an address as servername',
      { servername: '127.0.0.1' },
      'forward.servername',
      'forward.servername must be a host name, as api.example.com; received "127.0.0.1"',
    ],
    [
      'a servername with a port',
      { servername: 'api.example:443' },
      'forward.servername',
      'forward.servername must be a host name, as api.example.com; received "api.example:443"',
    ],
  ] as [string, ForwardOptions, string, string][]) {
    it(`${what}, and shows nothing of it`, () => {
      let refusal: InvalidOptionError | undefined;
      try {
        forward({ target, ...options });
      } catch (error) {
        refusal = error as InvalidOptionError;
      }
      expect(refusal?.message).to.equal(message);
      expect(refusal?.path).to.equal(path);
      expect(refusal?.message).to.not.include(secret);
      expect(refusal).to.not.have.property('cause');
    });
  }
});
