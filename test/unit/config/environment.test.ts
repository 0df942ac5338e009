import { expect } from 'chai';
import { parseConfig } from '../../../lib/config/load-config.js';
import { apiOf, errorOf, fileOf, problemsOf } from './problems-of.js';

const x = (lines: string, env: Record<string, string>) => apiOf(lines, { env }).config.apis.x;

describe('variables in a configuration file', () => {
  it('stand for their values anywhere in a string', () => {
    const env = { SCHEME: 'https', HOST: 'api.example', KEY: 'k1' };
    const text = fileOf(`headers: { Authorization: "Bearer \${KEY}" }`, `target: \${SCHEME}://\${HOST}/v2`);
    expect(parseConfig(text, { env }).config.apis.x).to.deep.equal({
      target: 'https://api.example/v2',
      headers: { Authorization: 'Bearer k1' },
    });
  });

  it('take their default where they are not set, or empty', () => {
    expect(x(`auth: \${USER:-nobody}:\${WORD:-}`, {})?.auth).to.equal('nobody:');
    expect(x(`auth: \${USER:-nobody}:a`, { USER: '' })?.auth).to.equal('nobody:a');
  });

  it('are found in the environment by their own name only', () => {
    expect(problemsOf(fileOf(`auth: \${constructor}`))).to.deep.equal([
      `apis.x.auth needs the environment variable constructor, which is not set (\${constructor:-} allows that)`,
    ]);
  });

  it('leave $$ as one dollar, and a dollar by itself as it is', () => {
    expect(x(`auth: "a:$\${KEY}$5$"`, { KEY: 'k' })?.auth).to.equal(`a:\${KEY}$5$`);
  });

  it('leave out a header that comes out empty, and keep one that is written so', () => {
    const headers = x(`headers: { X-Key: "\${KEY:-}", X-Empty: "" }`, {})?.headers;
    expect(headers).to.deep.equal({ 'X-Empty': '' });
  });

  it('become a number or a boolean where one is asked for, and stay text elsewhere', () => {
    const env = { N: '12', YES: 'true' };
    const api = x(`connections: \${N}\nsecure: \${YES}\nforwardHeaders: \${YES}\nauth: \${N}`, env);
    expect(api).to.include({ connections: 12, secure: true, forwardHeaders: true, auth: '12' });
  });

  it('become a number or a boolean in a block that may be false as well', () => {
    const lines = `rateLimit:\n  limit: \${N}\n  limits: [{ limit: "\${N}", windowMs: "\${N}" }]\ncache:\n  sortQuery: \${YES}`;
    expect(x(lines, { N: '12', YES: 'true' })).to.deep.include({
      rateLimit: { limit: 12, limits: [{ limit: 12, windowMs: 12, unit: 'requests' }] },
      cache: { sortQuery: true },
    });
  });

  it('become what they mean where a text would be taken as well', () => {
    const lines = `via: \${NO}\nrateLimit: { cost: "\${N}" }\nbreaker: { failureStatuses: ["\${N}", "\${RANGE}"] }`;
    const env = { N: '500', NO: 'false', RANGE: '502-504' };
    expect(x(lines, env)).to.deep.include({
      via: false,
      rateLimit: { cost: 500 },
      breaker: { failureStatuses: [500, '502-504'] },
    });
  });

  it('turn a block at the root on or off', () => {
    const of = (line: string, value: string) =>
      parseConfig(`${line}\n${fileOf('')}`, { env: { V: value } }).config;
    expect(of(`stats: \${V}`, 'true').stats).to.deep.equal({});
    expect(of(`stats: \${V}`, 'false').stats).to.equal(false);
    expect(of(`cacheBytes: \${V}`, '4096').cacheBytes).to.equal(4096);
  });

  it('are refused as the number that they are', () => {
    const env = { N: '-5', ALSO: '12' };
    expect(problemsOf(fileOf(`retry: { maxAttempts: "\${N}" }\nauth: "\${ALSO}"`), { env })).to.deep.equal([
      `apis.x.retry.maxAttempts must be at least 1; received "\${N}"`,
    ]);
  });

  it('are an error where they are not set, with the line and the path', () => {
    const { problems } = errorOf(fileOf(`headers:\n  X-Key: \${API_KEY}`));
    expect(problems).to.deep.equal([
      {
        path: 'apis.x.headers.X-Key',
        line: 5,
        message: `apis.x.headers.X-Key needs the environment variable API_KEY, which is not set (\${API_KEY:-} allows that)`,
      },
    ]);
  });

  for (const wrong of [`\${`, `\${}`, `\${1A}`, `\${A-b}`, `\${A B}`, `\${A`]) {
    it(`refuse ${wrong}, which is no reference`, () => {
      expect(problemsOf(fileOf(`auth: '${wrong}'`))).to.deep.equal([
        `apis.x.auth contains a "\${" that is not a reference; write \${NAME}, \${NAME:-default} or \${file:PATH}, or $$ for a literal $`,
      ]);
    });
  }

  it('are never shown with their value, nor with their default', () => {
    const env = { SECRET: 'hunter2' };
    const text = fileOf(`connections: \${SECRET}\nmethod: \${OTHER:-hunter2}`, `target: ftp://x/\${SECRET}`);
    expect(errorOf(text, { env }).message).to.equal(
      [
        'the configuration: 3 problems',
        `  line 3: apis.x.target must be an absolute http or https URL, as https://api.example.com/v2; received "ftp://x/\${SECRET}"`,
        `  line 4: apis.x.connections must be a number; received "\${SECRET}"`,
        `  line 5: apis.x.method must be a method in capitals, as POST; received "\${OTHER}"`,
      ].join('\n'),
    );
  });
});
