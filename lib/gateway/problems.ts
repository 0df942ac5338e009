import type { CircuitSnapshot } from '../breaker/circuit-snapshot.js';
import type { EgressStatus } from '../core/egress-status.js';
import type { OtlpStatus } from '../otlp/otlp-health.js';
import type { RedisStatus } from '../redis/health.js';
import { type CallTroubleList, troubleTexts } from './call-troubles.js';
import type { ConfigHealth } from './config-status.js';
import type { LogStatus } from './log-stream.js';

/** What is known of the state of a gateway. */
export interface GatewayFacts {
  readonly config: ConfigHealth;
  readonly circuits: readonly CircuitSnapshot[];
  readonly egress: EgressStatus;
  readonly troubles: readonly CallTroubleList[];
  readonly redis: RedisStatus | undefined;
  readonly log: LogStatus | undefined;
  readonly otlp: readonly OtlpStatus[];
  /** What is wrong with other processes of the gateway, as sentences. */
  readonly machine: readonly string[];
}

/** Of one kind no more are listed: the first ones lead to the cause. */
const MAX_OF_A_KIND = 20;

/** What is wrong now, as sentences for somebody who was called at night: that which explains the rest comes first. */
export function problemsOf(facts: GatewayFacts): string[] {
  const { redis, log, otlp } = facts;
  const kinds = [
    notReloaded(facts.config),
    redis?.message === undefined ? [] : [redis.message],
    facts.machine,
    unwrittenLog(log),
    troubleTexts(facts.troubles),
    withoutProxies(facts.egress),
    openCircuits(facts.circuits),
    otlp
      .filter(({ state }) => state === 'failing')
      .map(({ signal, reason, lost }) => `${signal} cannot be sent by OTLP (${reason}): ${lost} lost so far`),
  ];
  return kinds.flatMap((texts) => fewOf(texts));
}

function fewOf(texts: readonly string[]): string[] {
  const more = texts.length - MAX_OF_A_KIND;
  return more > 0 ? [...texts.slice(0, MAX_OF_A_KIND), `and ${more} more of this kind`] : [...texts];
}

function notReloaded({ lastReload }: ConfigHealth): string[] {
  if (!lastReload || lastReload.ok) return [];
  const { time, message } = lastReload;
  return [`the configuration was not reloaded at ${time}, the one before stays: ${message}`];
}

const DISK_FULL = ['ENOSPC', 'EDQUOT'];

function unwrittenLog(log: LogStatus | undefined): string[] {
  if (!log || log.problem === null) return [];
  const { problem, droppedLines } = log;
  const lost = `${droppedLines} ${droppedLines === 1 ? 'line was' : 'lines were'} dropped so far`;
  if (problem === 'slow reader') return [`what reads the log does not keep up: ${lost}`];
  const why = DISK_FULL.includes(problem) ? `${problem}: its disk is full` : problem;
  return [`the log cannot be written (${why}): ${lost}`];
}

function withoutProxies({ proxies }: EgressStatus): string[] {
  const usable = new Set(proxies.filter(({ state }) => state === 'ok').map(({ api }) => api));
  const lacking = new Set(proxies.map(({ api }) => api).filter((api) => !usable.has(api)));
  return [...lacking].map((api) => {
    const reason = proxies.find((one) => one.api === api && one.reason !== undefined)?.reason;
    return `no egress proxy of ${JSON.stringify(api)} can be used${reason === undefined ? '' : `: ${reason}`}`;
  });
}

function openCircuits(circuits: readonly CircuitSnapshot[]): string[] {
  return circuits
    .filter(({ state }) => state === 'OPEN')
    .map(({ circuit, lastFailure, timeToResetMs }) => {
      const name = `circuit ${JSON.stringify(circuit)}`;
      if (timeToResetMs === null) return `${name} was forced open: its calls get 503`;
      return `${name} is open${lastFailure === null ? '' : ` (last: ${lastFailure})`}: its calls get 503`;
    });
}
