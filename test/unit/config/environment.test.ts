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
        `apis.x.auth contains a "\${" that is not a reference; write \${NAME} or \${NAME:-default}, or $$ for a literal $`,
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
