import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { call } from '../../support/client.js';
import { buildGateway } from '../../support/gateway-program.js';
import { unusedPort } from '../../support/listening.js';
import { type RunningGateway, runGateway } from '../../support/run-gateway.js';
import { until } from '../../support/until.js';
import { startUpstream, status } from '../../support/upstream.js';

const reloads = ({ logs }: RunningGateway): number =>
  logs.filter(({ msg }) => msg === 'configuration reloaded').length;
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe('secrets in files, of a gateway that runs', function withFiles() {
  this.timeout(60_000);
  let folder = '';
  before(function build(this: Mocha.Context) {
    buildGateway.call(this);
    folder = mkdtempSync(join(tmpdir(), 'token-files-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const put = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, content);
    renameSync(`${path}.new`, path);
    return path;
  };

  for (const workers of [[], ['--workers', '2']])
    it(`are read again when they change (${workers.join(' ') || 'one process'})`, async () => {
      const upstream = await startUpstream(status(200));
      const adminPort = await unusedPort();
      const admin = `http://127.0.0.1:${adminPort}`;
      put('key', 'key-1\n');
      const config = put(
        'apis.yaml',
        `server: { port: 0, admin: { port: ${adminPort} } }\napis: { x: { target: "${upstream.url}", headers: { X-Key: "\${file:key}" } } }`,
      );
      const env = { ADMIN_TOKEN_FILE: put('token', 'token-1-of-the-admin\n') };
      const gateway = await runGateway(['--config', config, ...workers], { env });
      const codes = async (token: string) => [
        (await call(`${admin}/metrics`, bearer(token))).status,
        (await call(`${gateway.url}/metrics`, bearer(token))).status,
        (await call(`${gateway.url}/health`)).status,
      ];
      const sent = async (token: string) => {
        await call(`${gateway.url}/api/x/`, bearer(token));
        const { authorization, 'x-key': key } = upstream.requests.at(-1)?.headers ?? {};
        return { authorization, key };
      };
      expect(await codes('token-1-of-the-admin')).to.deep.equal([200, 404, 200]);
      expect(await codes('token-2-of-the-admin')).to.deep.equal([401, 404, 200]);
      expect(await sent('token-1-of-the-admin')).to.deep.equal({ authorization: undefined, key: 'key-1' });
      put('token', 'token-2-of-the-admin\n');
      put('key', 'key-2\n');
      await until(() => reloads(gateway) > 0, 'a reload', 10_000);
      const taken = { authorization: undefined, key: 'key-2' };
      let now = await sent('token-2-of-the-admin');
      // Workers hear of it a moment later.
      for (let i = 0; i < 500 && now.key !== taken.key; i++) now = await sent('token-2-of-the-admin');
      expect(now).to.deep.equal(taken);
      expect(await codes('token-2-of-the-admin')).to.deep.equal([200, 404, 200]);
      expect(await codes('token-1-of-the-admin')).to.deep.equal([401, 404, 200]);
      expect(JSON.stringify(gateway.logs)).not.to.match(/key-[12]|-of-the-admin/);
    });
});
