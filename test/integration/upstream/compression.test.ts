import { constants, gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import compression from 'compression';
import express from 'express';
import { open } from '../../support/client.js';
import { openForward, TRANSPORTS } from '../../support/forwarding.js';
import { serveApp } from '../../support/serve.js';
import { until } from '../../support/until.js';
import { startUpstream } from '../../support/upstream.js';

for (const transport of TRANSPORTS) {
  describe(`forward() behind compression(), transport ${transport}`, () => {
    const start = async (type: string) => {
      let write = (_text: string): void => {};
      const upstream = await startUpstream((_req, res) => {
        res.writeHead(200, { 'content-type': type });
        res.flushHeaders();
        write = (text) => void res.write(text);
      });
      const app = express();
      app.use(
        compression({ threshold: 0, filter: () => true }),
        openForward({ target: upstream.url, transport }),
      );
      const { url } = await serveApp(app);
      const opening = open(url, { headers: { 'accept-encoding': 'gzip' } });
      await until(() => upstream.requests.length === 1);
      write('data: 1\n\n');
      const { res } = await opening;
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      const read = () =>
        gunzipSync(Buffer.concat(chunks), { finishFlush: constants.Z_SYNC_FLUSH }).toString();
      return { res, read, write: (text: string) => write(text) };
    };

    for (const type of ['text/event-stream', 'application/x-ndjson']) {
      it(`sends each part of ${type} as it comes`, async () => {
        const { res, read, write } = await start(type);
        expect(res.headers['content-encoding']).to.equal('gzip');
        await until(() => read() === 'data: 1\n\n');
        write('data: 2\n\n');
        await until(() => read() === 'data: 1\n\ndata: 2\n\n');
      });
    }
  });
}
