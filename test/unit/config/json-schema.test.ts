import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { configJsonSchema, type JsonSchema } from '../../../lib/config/json-schema.js';
import { parseConfig } from '../../../lib/config/load-config.js';
import { apiSchema, fileSchema, SERVER_OPTIONS } from '../../../lib/config/schema.js';

const schema = configJsonSchema();
const definitions = schema.definitions as Record<string, JsonSchema>;
const api = definitions.api as JsonSchema;
const server = schema.properties?.server as JsonSchema;
const namesOf = (part: unknown) => Object.keys((part as JsonSchema | undefined)?.properties ?? {}).sort();

/** The schemas that stand beside one another for one option. */
function ways(part: unknown): JsonSchema[] {
  const one = part as JsonSchema;
  return [one, ...(one.anyOf ?? []).flatMap(ways)];
}

/** A block of options beside the `false` that turns it off. */
const blockOf = (name: string) => ways(api.properties?.[name]).find((way) => way.properties);

describe('configJsonSchema()', () => {
  it('knows every option that the loader knows, in both vocabularies', () => {
    expect(namesOf(schema)).to.deep.equal(Object.keys(fileSchema.shape).sort());
    expect(namesOf(api)).to.deep.equal(Object.keys(apiSchema.shape).sort());
    expect(namesOf(server)).to.deep.equal([...SERVER_OPTIONS].sort());
    expect(namesOf(api)).to.include.members([
      'target',
      'target_url',
      'cache_ttl',
      'rateLimit',
      'key',
      'router',
    ]);
    expect(namesOf(blockOf('breaker'))).to.include.members(['failureThreshold', 'windowMs']);
    expect(namesOf(blockOf('retry'))).to.include.members(['maxAttempts', 'max_attempts']);
    expect(namesOf(blockOf('proxyRotate'))).to.include.members(['proxies', 'strategy']);
  });

  it('may be named by the file itself', () => {
    expect(schema.properties?.$schema).to.include({ type: 'string' });
    const named = '{ "$schema": "./apis.schema.json", "apis": { "x": { "target": "https://a" } } }';
    for (const format of ['json', 'yaml'] as const) {
      const { config } = parseConfig(named, { env: {}, format });
      expect(config).to.deep.equal({ defaults: {}, apis: { x: { target: 'https://a' } } });
    }
  });

  it('refuses unknown names, and tells defaults', () => {
    expect([schema.additionalProperties, api.additionalProperties]).to.deep.equal([false, false]);
    const breaker = blockOf('breaker');
    expect(breaker?.additionalProperties).to.equal(false);
    expect(breaker?.properties?.failureThreshold).to.include({ default: 5 });
    expect(server.properties?.port).to.include({ default: 8087 });
  });

  it('lets a variable stand for a number, a switch, and a text of a certain form', () => {
    const variable = { $ref: '#/definitions/variable' };
    for (const name of ['connections', 'secure', 'method', 'transport']) {
      expect(ways(api.properties?.[name]), name).to.deep.include(variable);
    }
    expect(ways(schema.properties?.redis)).to.deep.include(variable);
    expect(definitions.variable).to.deep.equal({ type: 'string', pattern: '\\$\\{' });
  });

  it('is named by the example, whose options it knows', () => {
    const text = readFileSync('examples/apis.yaml', 'utf8');
    expect(text).to.match(/^# yaml-language-server: \$schema=\.\.\/schema\/apis\.schema\.json$/m);
    const example: { apis: Record<string, object> } = parse(text);
    expect(namesOf(schema)).to.include.members(Object.keys(example));
    for (const options of Object.values(example.apis))
      expect(namesOf(api)).to.include.members(Object.keys(options));
  });
});
