import { expect } from 'chai';
import { call } from '../../support/client.js';
import { startUpstream, text } from '../../support/upstream.js';
import { gatewayWith } from '../otlp/gateway-with-otlp.js';

const figure = (page: string, name: string) =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1] ?? Number.NaN);

describe('/metrics of a gateway', () => {
  it('tells of the process, under the names that all programs have for it', async () => {
    const { url } = await gatewayWith((await startUpstream(text('fine'))).url, 'metrics: { prefix: own_ }');
    const { text: page } = await call(`${url}/metrics`);
    expect(figure(page, 'process_resident_memory_bytes')).to.be.within(20e6, 4e9);
    expect(figure(page, 'process_cpu_seconds_total')).to.be.above(0);
    expect(figure(page, 'process_start_time_seconds')).to.be.closeTo(Date.now() / 1000 - process.uptime(), 5);
    expect(figure(page, 'process_open_fds')).to.be.within(3, figure(page, 'process_max_fds'));
    expect(figure(page, 'nodejs_heap_size_used_bytes')).to.be.below(
      figure(page, 'nodejs_heap_size_total_bytes') + 1,
    );
  });

  it('tells which versions run', async () => {
    const { url } = await gatewayWith((await startUpstream(text('fine'))).url, '');
    expect((await call(`${url}/metrics`)).text).to.contain(
      `resilient_proxy_build_info{version="1.2.3",node="${process.version}"} 1`,
    );
  });
});
