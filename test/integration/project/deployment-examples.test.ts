import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../../../lib/config/load-config.js';
import { readCommandLine } from '../../../lib/gateway/command-line.js';
import { createGateway } from '../../../lib/gateway/gateway.js';
import { gatewayLogger } from '../../../lib/gateway/logger.js';
import { onCleanup } from '../../support/cleanup.js';
import { call } from '../../support/client.js';

const MANIFESTS = 'examples/kubernetes/gateway.yaml';
const UNIT = 'examples/systemd/resilient-proxy-out.service';
const SOCKET = 'examples/systemd/resilient-proxy-out.socket';

const documents = () =>
  parseAllDocuments(readFileSync(MANIFESTS, 'utf8')).map((document) => {
    expect(document.errors).to.deep.equal([]);
    return Object(document.toJS());
  });
const ofKind = (kind: string) => documents().find((document) => document.kind === kind);

describe('examples/kubernetes', () => {
  const { spec } = ofKind('Deployment').spec.template;
  const [container] = spec.containers;
  const text = ofKind('ConfigMap').data['apis.yaml'];

  it('has the API versions that clusters serve today, and one name and label', () => {
    const versions = documents().map(({ apiVersion, kind }) => `${apiVersion} ${kind}`);
    expect(versions).to.deep.equal([
      'v1 ConfigMap',
      'v1 Service',
      'apps/v1 Deployment',
      'policy/v1 PodDisruptionBudget',
      'autoscaling/v2 HorizontalPodAutoscaler',
    ]);
    expect(new Set(documents().map(({ metadata }) => metadata.name))).to.deep.equal(new Set(['gateway']));
    const selectors = [
      ofKind('Service').spec.selector,
      ofKind('Deployment').spec.selector.matchLabels,
      ofKind('Deployment').spec.template.metadata.labels,
      ofKind('PodDisruptionBudget').spec.selector.matchLabels,
    ];
    for (const selector of selectors) expect(selector).to.deep.equal({ app: 'gateway' });
    expect(ofKind('HorizontalPodAutoscaler').spec.scaleTargetRef).to.deep.equal({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'gateway',
    });
  });

  it('starts the gateway with the file that it mounts, on the port of the service', () => {
    const { config, host } = readCommandLine(container.args);
    const { gateway, warnings } = parseConfig(text, { env: {} });
    expect([config, host]).to.deep.equal([`${container.volumeMounts[0].mountPath}/apis.yaml`, '0.0.0.0']);
    expect([warnings, gateway.port]).to.deep.equal([[], container.ports[0].containerPort]);
    expect(ofKind('Service').spec.ports[0].targetPort).to.equal(container.ports[0].name);
    expect(spec.volumes[0].configMap.name).to.equal(ofKind('ConfigMap').metadata.name);
  });

  it('gives a pod that leaves more time than the gateway takes', () => {
    const { gateway } = parseConfig(text, { env: {} });
    const [, preStopMs] = /(\d+)\)$/.exec(container.lifecycle.preStop.exec.command[2]) ?? [];
    const mostMs = Number(preStopMs) + Number(gateway.drainDelayMs) + gateway.shutdownTimeoutMs;
    expect(spec.terminationGracePeriodSeconds * 1000).to.be.above(mostMs);
    const { periodSeconds, failureThreshold } = container.readinessProbe;
    expect(Number(gateway.drainDelayMs)).to.be.above(periodSeconds * failureThreshold * 1000);
  });

  it('has probes that the gateway responds to while it serves and while it leaves, and scales by a metric it has', async () => {
    const config = parseConfig(
      '{ server: { port: 0, drainDelayMs: 300, allowedHosts: [gateway.example] }, apis: { x: { target: "http://127.0.0.1:9" } } }',
      { env: {} },
    );
    const logger = gatewayLogger('silent', { write() {} });
    const gateway = createGateway({ ...config, logger });
    onCleanup(() => gateway.close());
    const url = await gateway.listen();
    const probe = ({
      httpGet: { path, httpHeaders },
    }: {
      httpGet: { path: string; httpHeaders: { name: string; value: string }[] };
    }) =>
      call(`${url}${path}`, {
        headers: Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value])),
      });
    const { startupProbe, livenessProbe, readinessProbe } = container;
    const statuses = async () => {
      const all = await Promise.all([startupProbe, livenessProbe, readinessProbe].map(probe));
      return all.map(({ status }) => status);
    };
    expect(await statuses()).to.deep.equal([200, 200, 200]);
    const [{ pods }] = ofKind('HorizontalPodAutoscaler').spec.metrics;
    expect((await call(`${url}/metrics`)).text).to.match(new RegExp(`^${pods.metric.name} `, 'm'));
    void gateway.close();
    expect(await statuses()).to.deep.equal([200, 200, 503]);
  });
});

describe('examples/systemd', () => {
  const lines = readFileSync(UNIT, 'utf8').split('\n');
  const valuesOf = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));

  it('starts, checks and reloads the gateway by arguments that it takes', () => {
    const [start = ''] = valuesOf('ExecStart');
    const [check = '', reload] = valuesOf('ExecReload');
    const argumentsOf = (command: string) => readCommandLine(command.split(' ').slice(1));
    expect(argumentsOf(start).workers).to.be.above(0);
    expect(argumentsOf(check)).to.include({ check: true, config: argumentsOf(start).config });
    expect(reload).to.equal('/bin/kill -HUP $MAINPID');
  });

  it('ends the primary alone, and waits for longer than the gateway takes', () => {
    const { gateway } = parseConfig('apis: { x: { target: "http://127.0.0.1:9" } }', { env: {} });
    expect(valuesOf('KillMode')).to.deep.equal(['mixed']);
    expect(Number(valuesOf('TimeoutStopSec')[0]) * 1000).to.be.above(1000 + gateway.shutdownTimeoutMs + 5000);
  });

  it('has sections, names and values, and nothing else', () => {
    const sections = lines.filter((line) => /^\[/.test(line));
    expect(sections).to.deep.equal(['[Unit]', '[Service]', '[Install]']);
    const socket = readFileSync(SOCKET, 'utf8').split('\n');
    expect(socket.filter((line) => /^\[/.test(line))).to.deep.equal(['[Unit]', '[Socket]', '[Install]']);
    for (const line of [...lines, ...socket])
      expect(line).to.match(/^(|#.*|\[[A-Z][a-z]+\]|[A-Z][A-Za-z]+=\S.*)$/);
  });

  it('has a socket for it, one, which stays open while it is restarted', () => {
    const socket = readFileSync(SOCKET, 'utf8').split('\n');
    expect(socket.filter((line) => line.startsWith('ListenStream='))).to.deep.equal([
      'ListenStream=127.0.0.1:8087',
    ]);
    // Without it, systemd starts the unit of the same name with the socket.
    expect(socket.filter((line) => /^(Accept|Service)=/.test(line))).to.deep.equal([]);
    expect(valuesOf('Restart')).to.deep.equal(['on-failure']);
  });
});
