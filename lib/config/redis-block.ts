import type * as z from 'zod';
import { InvalidOptionError } from '../core/errors.js';
import { checkedSettings, type RedisConnection, type RedisSettings } from '../redis/settings.js';
import type { Environment } from './environment.js';
import type { PlacedProblem } from './openresty-names.js';
import type { redisSchema } from './redis-schema.js';
import { PemReader, type TlsFiles } from './tls-files.js';

/** The connection of a file, and what is wrong with it. */
export interface ReadRedis {
  readonly value: RedisConnection | undefined;
  readonly problems: readonly PlacedProblem[];
  /** Files that were read. */
  readonly files: readonly string[];
}

const NO_URL = 'redis must be a redis: or rediss: URL, or a block of options';
const PEM = ['ca', 'cert', 'key'] as const;

/** The block `redis` of a file as `resilientProxy()` takes it, with the text of the files that it names. */
export function readRedisBlock(block: z.output<typeof redisSchema>, files: TlsFiles): ReadRedis {
  if (typeof block === 'string') {
    const [problem] =
      URL.canParse(block) && /^rediss?:/i.test(block) ? contradictions(block) : [{ message: NO_URL }];
    const problems = problem ? [{ at: ['redis'], message: problem.message }] : [];
    return { value: block, problems, files: [] };
  }
  const reader = new PemReader(files);
  const settings: Record<string, unknown> = { ...block };
  for (const name of ['tls', 'sentinelTls'] as const) {
    const tls = block[name];
    if (typeof tls !== 'object') continue;
    const texts = PEM.filter((key) => tls[key] !== undefined).map((key) => [
      key,
      reader.read(tls[key], ['redis', name, key]),
    ]);
    settings[name] = { ...tls, ...Object.fromEntries(texts) };
  }
  const problems = [...reader.problems, ...contradictions(settings)];
  return { value: settings as RedisSettings, problems, files: reader.files };
}

function contradictions(settings: RedisSettings | string): PlacedProblem[] {
  try {
    checkedSettings(settings);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    return [{ at: error.path.split('.'), message: error.message }];
  }
}

/** The connection in REDIS_URL, or else in REDIS_HOST, REDIS_PORT and REDIS_PASSWORD. */
export function redisFromEnvironment(env: Environment): z.input<typeof redisSchema> | undefined {
  const { REDIS_URL: url, REDIS_HOST: host, REDIS_PORT: port, REDIS_PASSWORD: password } = env;
  if (url) return url;
  if (!host) return undefined;
  return { host, port: Number(port || 6379), ...(password ? { password } : {}) };
}
