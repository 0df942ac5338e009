import { expect } from 'chai';
import { handshake } from '../../support/echo.js';
import {
  hasProxy,
  type PhaseScene,
  startScene,
  startTarget,
  unreachable,
  WAYS,
} from '../../support/phase-scene.js';
import { rawCall } from '../../support/raw-client.js';
import { until } from '../../support/until.js';
import { silence, type UpstreamResponse } from '../../support/upstream.js';

const SHORT = 150;
const LONG = { queueTimeoutMs: 15_000, connectTimeoutMs: 15_000, requestTimeoutMs: 15_000 };

/** What a handshake gets. */
const dial = ({ port }: PhaseScene): Promise<string> => rawCall(port, handshake());

/** Refuses a handshake, and begins a body that is never complete. */
const half: UpstreamResponse = (_req, res) => void res.writeHead(403).write('half');

for (const way of WAYS) {
  describe(`forward().upgrade and the phases of a handshake, ${way}`, () => {
    it('waits connectTimeoutMs for a connection: by the target, or by the egress proxy', async () => {
      const { target, proxyUrl } = await unreachable(way);
      const limits = { ...LONG, connectTimeoutMs: SHORT };
      const scene = await startScene(way, { target, ...limits }, { proxyUrl, dialMs: SHORT });
      const response = await dial(scene);
      const [attempt] = scene.exchanges[0]?.attempts ?? [];
      expect(attempt?.outcome).to.have.property('unsent', true);
      if (hasProxy(way)) return expect(scene.ending()).to.equal('ERR_PROXY_CONNECT by egress');
      expect(response).to.match(/^HTTP\/1\.1 504 .*error=connection_timeout.*ERR_UPSTREAM_TIMEOUT/s);
      expect(scene.ending()).to.equal('ERR_UPSTREAM_TIMEOUT by target');
    });

    it('waits requestTimeoutMs for the head: 504, by the target', async () => {
      const upstream = await startTarget(way, silence);
      const scene = await startScene(way, { target: upstream.url, ...LONG, requestTimeoutMs: SHORT });
      expect(await dial(scene)).to.match(/^HTTP\/1\.1 504 .*error=http_response_timeout/s);
      expect(scene.ending()).to.equal('ERR_UPSTREAM_TIMEOUT by target');
      await until(() => upstream.connections.open === 0);
    });

    it('waits bodyTimeoutMs for the rest of a refusal: cut, by the target', async () => {
      const upstream = await startTarget(way, half);
      const scene = await startScene(way, { target: upstream.url, ...LONG, bodyTimeoutMs: SHORT });
      expect(await dial(scene)).to.match(/^HTTP\/1\.1 403 .*half/s);
      expect(scene.ending()).to.equal('ERR_UPSTREAM_TIMEOUT by target');
      await until(() => upstream.connections.open === 0);
    });
  });
}
