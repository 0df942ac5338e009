import { parseConfig } from '../../../lib/config/load-config.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';
import { until } from '../../support/until.js';

/** A gateway by a file with one API, `x`, and these blocks beside it. */
export async function gatewayWith(target: string, blocks: string, api = 'retry: { initialDelayMs: 1 }') {
  const loaded = parseConfig(
    `server: { port: 0 }\n${blocks}\napis: { x: { target: "${target}", breaker: false, ${api} } }`,
    { env: {} },
  );
  const logs: Record<string, unknown>[] = [];
  const logger = gatewayLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const gateway = createGateway({ ...loaded, logger, version: '1.2.3' });
  const url = await gateway.listen();
  const close = () => {
    gateway.server.closeAllConnections();
    return gateway.close();
  };
  onCleanup(close);
  return {
    ...{ url, close, proxy: gateway.proxy },
    get: (path = '/', headers: Record<string, string> = {}) => call(`${url}/api/x${path}`, { headers }),
    lines: (message: RegExp) => logs.filter(({ msg }) => message.test(String(msg))),
    async logged(message: RegExp) {
      await until(() => logs.some(({ msg }) => message.test(String(msg))), `${message} in the log`);
    },
  };
}

/** Sets variables of the environment until the end of the test. */
export function withVariables(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    process.env[name] = value;
    onCleanup(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}
