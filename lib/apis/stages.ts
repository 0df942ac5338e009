import * as z from 'zod';
import { takeChangedHeaders } from '../core/changed-headers.js';
import { InvalidOptionError, invalidOption } from '../core/errors.js';
import type { Handler } from '../core/exchange.js';
import { functionOption, nearestName, optionsObject, resolveOptions } from '../core/options.js';
import { PART_NAMES, type PartName } from './part-list.js';

/** The stages of an API, in their order. Each has its place whether it is on or off. */
export const STAGE_NAMES: readonly StageName[] = [
  'explain',
  'tracing',
  'metrics',
  'validateBody',
  ...PART_NAMES,
];

/** Name of a stage, by which a stage of your own finds its place. */
export type StageName = 'explain' | 'tracing' | 'metrics' | 'validateBody' | PartName;

/** A stage of your own: a middleware at a place among the stages of an API. */
export interface OwnStage {
  /** The stage that it comes after, which need not be on. Give either `after` or `before`. */
  after?: Exclude<StageName, 'forward'> | undefined;
  /** The stage that it comes before, which need not be on. */
  before?: StageName | undefined;
  /**
   * The middleware. It passes a call on by `next()`, responds itself, or fails the call by `next(error)`; an error that
   * it throws fails the call too.
   */
  handler: Handler;
}

/** A stage, with the handlers at its place; those that are off are `undefined`. */
export type PlacedStage = readonly [name: StageName, ...handlers: (Handler | undefined)[]];

/** All handlers in their order, those of the user among them. */
export function withOwnStages(
  own: readonly OwnStage[],
  stages: readonly PlacedStage[],
): (Handler | undefined)[] {
  const at = (place: 'after' | 'before', name: StageName) =>
    own.filter((stage) => stage[place] === name).map(({ handler }) => bounded(handler));
  return stages.flatMap(([name, ...handlers]) => [...at('before', name), ...handlers, ...at('after', name)]);
}

/** An entry of the option `stages`. */
export const stageSchema = optionsObject({
  after: z.string().optional(),
  before: z.string().optional(),
  handler: functionOption<Handler>(),
});

const stagesSchema = z.array(stageSchema);

/** Validates stages of the user. @throws InvalidOptionError */
export function checkStages(stages: unknown, place: string): void {
  for (const [i, stage] of resolveOptions(stagesSchema, stages, place).entries()) {
    const { after, before } = stage;
    if ((after === undefined) === (before === undefined))
      throw invalidOption(`${place}[${i}]`, 'must have either after or before', stage);
    checkName(after ?? before ?? '', `${place}[${i}].${after === undefined ? 'before' : 'after'}`);
    if (after === 'forward')
      throw invalidOption(
        `${place}[${i}].after`,
        'must be a stage in front of forward, which is the last',
        after,
      );
  }
}

function checkName(name: string, path: string): void {
  const names: readonly string[] = STAGE_NAMES;
  if (names.includes(name)) return;
  const near = nearestName(name, names);
  const hint = near === undefined ? `known: ${names.join(', ')}` : `did you mean ${near}?`;
  throw new InvalidOptionError(path, `${path} is not a stage (${hint})`);
}

/** Passes a call on once, and hands an error of the handler to the call, as Express does. */
function bounded(handler: Handler): Handler {
  return function ownStage(req, res, next): void {
    let passedOn = false;
    const once = (error?: unknown): void => {
      if (passedOn) return;
      passedOn = true;
      takeChangedHeaders(req);
      next(error);
    };
    try {
      // It may be an async function.
      const ended: unknown = handler(req, res, once);
      if (ended instanceof Promise) ended.catch((error: unknown) => (passedOn ? warn(error) : once(error)));
    } catch (error) {
      // From further on, where it has passed the call on.
      if (passedOn) throw error;
      once(error);
    }
  };
}

/** For what a handler fails with when its call is on its way. */
function warn(thrown: unknown): void {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  process.emitWarning(`A stage failed after it had called next(): ${error.message}`, {
    type: 'StageWarning',
    code: 'RESILIENT_PROXY_STAGE',
    ...(error.stack === undefined ? {} : { detail: error.stack }),
  });
}
