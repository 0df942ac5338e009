import { X509Certificate } from 'node:crypto';
import * as z from 'zod';
import { count, durationMs, optionsObject } from '../core/options.js';
import { type GatewayProxy, gatewayProblem, gatewayShape, hasSession } from './gateway-proxy.js';
import { type ProxyAddress, proxyAddress } from './proxy-address.js';

/** An egress proxy with a name of its own. */
export interface NamedProxy extends GatewayProxy {
  /**
   * `http://user:password@host:port`, `https://…`, or `socks5h://…`, `socks5://…`, `socks4a://…`, `socks4://…`, user and
   * password percent-encoded. With `socks5h` and `socks4a` the proxy looks up the names of targets. `{session}` in the
   * user or the password stands for the name of a session, which `sessions` explains.
   */
  url: string;
  /**
   * Its name in attempts, events and status.
   * @default host and port
   */
  name?: string | undefined;
  /**
   * Certificate authorities in PEM that an https proxy is trusted by.
   * @default the system's
   */
  ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /**
   * Its share of the requests beside those of the others: one of weight 3 gets three times as many as one of weight 1.
   * With `sessions` it is the weight of each.
   * @default 1
   */
  weight?: number | undefined;
  /**
   * Words by which an API chooses its proxies, with `use`.
   * @default []
   */
  tags?: readonly string[] | undefined;
  /**
   * Most attempts through it at a time, open WebSockets included: by all its sessions together, where it has any.
   * @default the rotation's `maxConcurrency`, which is for each session
   */
  maxConcurrency?: number | undefined;
  /**
   * What a gigabyte (10^9 bytes) through it costs, in any currency.
   * @default the rotation's `costPerGb`
   */
  costPerGb?: number | undefined;
}

/** A list of egress proxies that is kept elsewhere and read again and again. Set one of `file` and `url`. */
export interface ProxyList {
  /**
   * Path of a text file with a proxy on each line: a URL, or `host:port:user:password`, and behind it settings as
   * `weight=3 tags=de,mobile`. It is read again when it changes. Relative paths begin at the working directory, those in a configuration file at its folder.
   */
  file?: string | undefined;
  /** http or https URL of such a list. It is fetched directly, with a time limit of 10 s. */
  url?: string | undefined;
  /**
   * How often the list is fetched. A file is watched, and looked at this often where watching fails.
   * @default `300000` for a URL, `30000` for a file
   */
  refreshMs?: number | undefined;
}

const proxyUrl = z.string().superRefine((text, context) => {
  const read = proxyAddress(text);
  if (typeof read === 'string') context.addIssue({ code: 'custom', message: read });
});

/** Whether a value can be the `ca` of a proxy. A wrong one would be found out by the first connection only, and taken for the proxy's failure. */
export function isCertificate(value: unknown): boolean {
  if (typeof value !== 'string' && !Buffer.isBuffer(value)) return false;
  try {
    return value.includes('-----BEGIN ') && new X509Certificate(value) !== undefined;
  } catch {
    return false;
  }
}

/** The same in a configuration file, which may name a file that is read later. */
export const isFileOrText = (value: unknown): boolean => typeof value === 'string' || Buffer.isBuffer(value);

export const proxyName = z
  .string()
  .regex(/^[\u0020-\u007e]{1,100}$/, 'must be 1 to 100 printable ASCII characters');

export const proxyWeight = z.number().min(0.01).max(1000);

export const proxyTag = z
  .string()
  .regex(/^[\w.:/-]{1,100}$/, 'must be 1 to 100 letters, digits or any of . : / _ -');

export const costPerGb = z.number().min(0).max(1_000_000);

const namedProxy = (isOne: (value: unknown) => boolean) =>
  optionsObject({
    ...gatewayShape,
    url: proxyUrl,
    name: proxyName.optional(),
    ca: z
      .custom<NonNullable<NamedProxy['ca']>>(
        (value) => (Array.isArray(value) ? value.length > 0 && value.every(isOne) : isOne(value)),
        'must be a certificate in PEM, or a list of them',
      )
      .optional(),
    weight: proxyWeight.optional(),
    tags: z.array(proxyTag).optional(),
    maxConcurrency: count.optional(),
    costPerGb: costPerGb.optional(),
  }).superRefine(({ url, ...gateway }, context) => {
    const problem = typeof proxyAddress(url) === 'string' ? undefined : gatewayProblem(url, gateway);
    if (problem) context.addIssue({ code: 'custom', message: problem[1], path: [problem[0]] });
  });

type RawIssue = Parameters<z.core.$RefinementCtx['addIssue']>[0];

/** Not a union of schemas: its error would say of neither what is wrong. */
function proxyEntry(isOne: (value: unknown) => boolean) {
  const proxy = namedProxy(isOne);
  return z.custom<string | NamedProxy>().superRefine((value, context) => {
    const { error } = (typeof value === 'string' ? proxyUrl : proxy).safeParse(value);
    // Zod's types of the two differ in what may be undefined.
    for (const issue of error?.issues ?? []) context.addIssue({ ...issue, input: undefined } as RawIssue);
  });
}

const proxyList = optionsObject({
  file: z.string().min(1).optional(),
  url: z
    .string()
    .regex(/^https?:\/\/[^/]/i, 'must be an http or https URL')
    .refine((text) => URL.canParse(text), 'must be an http or https URL')
    .optional(),
  refreshMs: durationMs.min(100).optional(),
}).superRefine(({ file, url }, context) => {
  if ((file === undefined) !== (url === undefined)) return;
  context.addIssue({ code: 'custom', message: 'must be given, or else url, and not both', path: ['file'] });
});

/** Proxies by their URLs, or where their list is. @param isOne whether a value can be a `ca` */
export const proxiesOption = (isOne: (value: unknown) => boolean) =>
  z.union([z.array(proxyEntry(isOne)), proxyList], {
    error: 'must be a list of proxies, { file } or { url }',
  });

/** A proxy, ready to be used: its name is its own. */
export interface ResolvedProxy
  extends Pick<NamedProxy, 'ca' | 'connectHeaders' | 'costPerGb' | 'maxConcurrency' | 'rotating'> {
  readonly name: string;
  readonly address: ProxyAddress;
  readonly weight: number;
  readonly tags: readonly string[];
  /** `undefined` without `{session}` in its URL. */
  readonly session?: ResolvedSession | undefined;
  /** Scheme of the only targets that it is for. */
  readonly only?: 'http' | 'https' | undefined;
}

/** Sessions of a proxy. */
export interface ResolvedSession {
  /** The URL in which their names are put. */
  readonly url: string;
  /** How many there are; `undefined`: one for each `stickyKey`, or the default where there are no keys. */
  readonly sessions: number | undefined;
  readonly maxUses: number;
}

/** A proxy with its defaults filled in. */
export function resolvedProxy(given: NamedProxy, address: ProxyAddress, name: string): ResolvedProxy {
  const { url, ca, connectHeaders, rotating, costPerGb, maxConcurrency } = given;
  const { weight = 1, tags = [], sessions, maxUses = Number.POSITIVE_INFINITY } = given;
  return {
    ...{ name, address, weight, tags, ca, connectHeaders, rotating, costPerGb, maxConcurrency },
    session: hasSession(url) ? { url, sessions, maxUses } : undefined,
  };
}
