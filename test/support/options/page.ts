import { readFileSync } from 'node:fs';
import * as z from 'zod';
import type { JsonSchema } from '../../../lib/config/json-schema.js';
import { type OptionDoc, openrestyName } from './option-docs.js';
import { blockOf, OPTION_GROUPS, type OptionGroup } from './option-groups.js';

const TEMPLATE = 'test/support/options/page.template.md';

/** The page of all options: its template with a table for each `{{group}}`, or `{{group: names}}`. */
export function optionsPage(): string {
  const template = readFileSync(TEMPLATE, 'utf8');
  const headings = [...template.matchAll(/^#+ (`(\w+)`.*)$/gm)];
  const anchors = new Map(headings.map(([, heading = '', name = '']) => [name, anchorOf(heading)]));
  const listed = [...template.matchAll(/^\{\{api: ([^*\n]*)\}\}$/gm)].flatMap(([, names = '']) =>
    names.split(' '),
  );
  return template.replaceAll(/^\{\{(\w+)(?:: (.*))?\}\}$/gm, (_marker, group: string, names?: string) => {
    if (!isGroup(group)) throw new Error(`${TEMPLATE} names no group of options: ${group}`);
    return tableOf(group, chosen(OPTION_GROUPS[group].docs, names, listed), anchors);
  });
}

type GroupName = keyof typeof OPTION_GROUPS;

const isGroup = (name: string): name is GroupName => name in OPTION_GROUPS;

/** The named options; or all others, so that a new option is never left out. */
function chosen(
  docs: readonly OptionDoc[],
  names: string | undefined,
  listed: string[],
): readonly OptionDoc[] {
  if (names === undefined) return docs;
  if (names === '*') return docs.filter(({ name }) => !listed.includes(name));
  return names.split(' ').flatMap((name) => docs.filter((doc) => doc.name === name));
}

type Anchors = ReadonlyMap<string, string>;

function tableOf(name: GroupName, docs: readonly OptionDoc[], anchors: Anchors): string {
  const group: OptionGroup = OPTION_GROUPS[name];
  // Options of the middleware alone come last.
  const sorted = [...docs.filter(({ alone }) => !alone), ...docs.filter(({ alone }) => alone)];
  const rows = sorted.flatMap((doc) => {
    // Options of a block without a section of its own.
    const members = anchors.has(doc.name) ? [] : doc.members;
    const name = (member: OptionDoc) => `${doc.name}${member.listed ? '[]' : ''}.${member.name}`;
    return [doc, ...members.map((member) => ({ ...member, name: name(member) }))];
  });
  return [
    '| option | type | default | what it does |',
    '| --- | --- | --- | --- |',
    ...rows.map((doc) => {
      const what = doc.description.replaceAll('|', '\\|');
      const type = typeCell(doc, rulesOf(group, doc.name), anchors);
      return `| ${optionCell(name, group, doc)} | ${type} | ${presetCell(doc)} | ${what} |`;
    }),
  ].join('\n');
}

/** The name, other names, and where it is allowed if not both in code and in a file. */
function optionCell(group: GroupName, { file }: OptionGroup, { name, alone }: OptionDoc): string {
  const path = group === 'api' ? name : `${group}.${name}`;
  const openresty = openrestyName(path);
  const [top = ''] = name.split(/[.[]/);
  const cells = [`\`${name}\``];
  if (openresty) cells.push(`[${openresty.name}${openresty.inSeconds ? ', in seconds' : ''}]`);
  if (ENVIRONMENT[path]) cells.push(`[env ${ENVIRONMENT[path]}]`);
  if (alone) cells.push(`*\`${group}()\` only*`);
  else if (file?.properties?.[top] === undefined) cells.push('*code only*');
  return cells.join(' ');
}

const ENVIRONMENT: Readonly<Record<string, string>> = {
  'proxyRotate.proxies': 'PROXY_URLS, PROXY_URL',
  'shared.redis': 'REDIS_URL',
};

/** The schema of an option; that of the file if the code has none. */
function rulesOf({ shape, file }: OptionGroup, name: string): JsonSchema {
  const [top = '', inner] = name.split(/\[?\]?\./);
  const type = shape[top];
  const inCode = type && z.toJSONSchema(z.object({ type }), { io: 'input', unrepresentable: 'any' });
  const rules = inCode?.properties?.type ?? file?.properties?.[top];
  return inner === undefined
    ? Object(rules)
    : Object(blockOf(Object(rules).items ?? rules)?.properties?.[inner]);
}

/** Types that read better in words than in TypeScript. */
const IN_WORDS: Readonly<Record<string, string>> = {
  "Options['target']": 'URL or object',
  "Options['forward']": 'URL or object',
  'Record<string, Target> | ((req, res, options) => Target) | ((req, res, options) => Promise<Target>)':
    'table or function',
  'Record<string, string> | (RewritePath<Req, Res, string | undefined>) | (RewritePath<Req, Res, Promise<string | undefined>>)':
    'table or function',
  'string | string[] | ((pathname, req) => boolean | string | RegExpMatchArray | null)':
    '`string`, `string[]` or function',
  "Options['ssl']": 'object',
  "Options['agent']": '`Agent` or `false`',
  "Options['buffer']": '`Readable`',
  'ForwardListeners<Req, Res>': 'object of functions',
  'Plugin<Req, Res>[]': '`function[]`',
  "Options['logger']": 'object',
  'Record<string, string | readonly string[]>': 'object of `string` or `string[]`',
  MetricsRegistry: '`Registry` of prom-client',
  ProxyChoice: 'options',
  RequestsPerProxy: 'options',
  'OwnStage[]': '[list of stages](#stages-in-code-only)',
  "Exclude<StageName, 'forward'>": 'name of a stage',
  StageName: 'name of a stage',
  Handler: '`(req, res, next) => void`',
  RedisConnection: 'URL, options or client of ioredis',
};

function typeCell({ name, type }: OptionDoc, rules: JsonSchema, anchors: Anchors): string {
  const known = IN_WORDS[type];
  if (known) return known;
  const whole = numbersOf(rules).some((way) => way.type === 'integer');
  const ways = type.replace(/Omit<(\w+), [^>]*>/, '$1').split(' | ');
  const link = anchors.has(name) ? `[options](#${anchors.get(name)})` : 'options';
  const text = ways.some(isBlock)
    ? ways.map((way) => (isBlock(way) ? link : `\`${way}\``)).join(' or ')
    : `\`${type.replace(/\bnumber\b/, whole ? 'integer' : 'number').replaceAll('|', '\\|')}\``;
  return [text, unitOf(name), ...rangeOf(rules)].filter((part) => part !== '').join(', ');
}

const isBlock = (type: string) => /Options$|^options/.test(type);

function unitOf(name: string): string {
  if (/Ms$|[tT]imeout$/.test(name)) return 'ms';
  return name.endsWith('Bytes') ? 'bytes' : '';
}

function numbersOf(rules: JsonSchema): JsonSchema[] {
  return [rules, ...(rules.anyOf ?? []), rules.items]
    .map((way) => Object(way) as JsonSchema)
    .filter((way) => way.type === 'number' || way.type === 'integer');
}

/** A bound beyond it only catches typing errors. */
const HUGE = 1_000_000;

function rangeOf(rules: JsonSchema): string[] {
  return numbersOf(rules).flatMap((bounds) => {
    const {
      minimum: low = 0,
      exclusiveMinimum: above,
      maximum: high = HUGE,
      exclusiveMaximum: below,
    } = bounds;
    if (below !== undefined) return [`above ${above ?? low}, below ${below}`];
    if (above !== undefined) return [`above ${above}, at most ${high}`];
    if (high < HUGE) return [`${low} to ${high}`];
    return low > 1 ? [`at least ${low}`] : [];
  });
}

/** A default as code, and a large one in its usual unit as well. */
function presetCell({ name, preset }: OptionDoc): string {
  if (preset === undefined) return '–';
  const isValue = /^(?:['[{\d]|true|false)/.test(preset) && !preset.includes('`');
  if (!isValue) return preset;
  const readable = readableOf(name, Number(preset));
  return `\`${preset}\`${readable ? ` (${readable})` : ''}`;
}

const UNITS: readonly (readonly [suffix: string, size: number, unit: string])[] = [
  ['Ms', 86_400_000, 'day'],
  ['Ms', 3_600_000, 'h'],
  ['Ms', 60_000, 'min'],
  ['Ms', 1000, 's'],
  ['Bytes', 1024 ** 2, 'MiB'],
  ['Bytes', 1024, 'KiB'],
];

function readableOf(name: string, value: number): string | undefined {
  const [, size = 1, unit] =
    UNITS.find(([suffix, size]) => name.endsWith(suffix) && value > 0 && value % size === 0) ?? [];
  return unit && `${value / size} ${unit}`;
}

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}
