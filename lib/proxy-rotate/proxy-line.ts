import type * as z from 'zod';
import { count } from '../core/options.js';
import { gatewayProblem, gatewayShape } from './gateway-proxy.js';
import {
  costPerGb,
  type NamedProxy,
  proxyName,
  proxyTag,
  proxyWeight,
  type ResolvedProxy,
  resolvedProxy,
} from './named-proxy.js';
import { proxyAddress } from './proxy-address.js';

const FORMS = 'must be a URL, host:port, host:port:user:password or user:password@host:port';

/** `host:port` with credentials behind it, which end at no colon. */
const BARE = /^(?<host>\[[\da-f:.]+\]|[^:@/\s]+):(?<port>\d{1,5})(?::(?<user>[^:]*):(?<password>.*))?$/i;

/** Credentials in front of `host:port`; they may hold any `@`. */
const WITH_USER = /^(?<user>[^:]*):(?<password>.*)@(?<host>\[[\da-f:.]+\]|[^:@/\s]+):(?<port>\d{1,5})$/i;

type Setting = (text: string) => Partial<NamedProxy> | undefined;

/** A setting whose value is a number. */
const numeric =
  (key: 'weight' | 'costPerGb' | 'sessions' | 'maxUses' | 'maxConcurrency', schema: z.ZodType): Setting =>
  (text) =>
    text !== '' && schema.safeParse(Number(text)).success ? { [key]: Number(text) } : undefined;

const SETTINGS: ReadonlyMap<string, Setting> = new Map<string, Setting>([
  ['name', (text) => (proxyName.safeParse(text).success ? { name: text } : undefined)],
  ['weight', numeric('weight', proxyWeight)],
  [
    'tags',
    (text) => {
      const tags = text.split(',');
      return tags.every((tag) => proxyTag.safeParse(tag).success) ? { tags } : undefined;
    },
  ],
  ['costPerGb', numeric('costPerGb', costPerGb)],
  ['maxConcurrency', numeric('maxConcurrency', count)],
  ['sessions', numeric('sessions', gatewayShape.sessions)],
  ['maxUses', numeric('maxUses', gatewayShape.maxUses)],
  ['rotating', (text) => (text === 'true' ? { rotating: true } : undefined)],
]);

const ALLOWED = `may have ${[...SETTINGS.keys()].map((key) => `${key}=`).join(', ')} behind the proxy, and no more`;

/**
 * Reads a line of a list of proxies: a proxy, and behind it settings as `weight=3 tags=de,residential`.
 * @param line without white space around it
 * @returns the rule that the line breaks; it shows nothing of the line, which holds credentials
 */
export function readProxyLine(line: string): ResolvedProxy | string {
  const [proxy = '', ...settings] = line.split(/\s+/);
  const url = urlOf(proxy);
  if (url === undefined) return FORMS;
  const address = proxyAddress(url);
  if (typeof address === 'string') {
    // Nobody has written the URL that it was made to.
    return url === proxy || address.includes('user') || address.includes('credentials') ? address : FORMS;
  }
  let given: NamedProxy = { url };
  for (const setting of settings) {
    const [key = ''] = setting.split('=', 1);
    const read = SETTINGS.get(key);
    if (!read) return ALLOWED;
    const value = read(setting.slice(key.length + 1));
    if (!value) return `has a value of ${key} that is not allowed`;
    given = { ...given, ...value };
  }
  const [option, rule] = gatewayProblem(url, given) ?? [];
  if (option !== undefined) return `has ${option}=, which ${rule}`;
  return resolvedProxy(given, address, given.name ?? address.authority);
}

function urlOf(text: string): string | undefined {
  if (text.includes('://')) return text;
  const { host, port, user = '', password = '' } = (BARE.exec(text) ?? WITH_USER.exec(text))?.groups ?? {};
  if (host === undefined) return undefined;
  // As they are: nobody percent-encodes them in this form.
  const login = user + password === '' ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  return `http://${login}${host}:${port}`;
}
