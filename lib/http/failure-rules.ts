import * as z from 'zod';
import type { BodyReader, HeldBody, ResponseHead } from '../core/attempt.js';
import { functionOption, optionsObject } from '../core/options.js';
import { settledNow } from '../core/settled-now.js';
import { readable } from './decoded-body.js';
import {
  type FailureWhen,
  failureWhenSchema,
  isFailureByBody,
  isJson,
  MAX_JUDGED_BYTES,
} from './failure-when.js';
import { headerValue } from './headers.js';

/** A whole response of at most 64 KiB, as a function of the application sees it. */
export interface JudgedResponse {
  readonly status: number;
  /** As received: name, value, name, value. */
  readonly rawHeaders: readonly string[];
  /** Decompressed. */
  readonly body: Buffer;
}

/** Says of a response whether it is a failure. What it throws fails the call, and so does a promise. */
export type FailurePredicate = (response: JudgedResponse) => boolean;

/** Says of a response whether it is retried; `'stop'` is a failure that is not, whatever its status. A promise fails the call. */
export type RetryPredicate = (response: JudgedResponse) => boolean | 'stop';

/** What a body says where the response is a failure, and whether another attempt may help. */
export interface RetryWhen extends FailureWhen {
  /**
   * `false`: another attempt cannot help, so that the response is passed on whatever its status is.
   * @default true
   */
  retry?: boolean | undefined;
}

/** What makes a response a failure: one of these. */
export type FailureRules = FailureWhen | FailurePredicate | readonly (FailureWhen | FailurePredicate)[];

/** One rule. */
type Rule = FailureWhen | RetryWhen | RetryPredicate;

/** One rule or several. */
export type Rules = Rule | readonly Rule[] | undefined;

/** What the first rule that a response meets says of it. */
export type BodyVerdict = 'failure' | 'stop' | undefined;

const RULE = 'must be an object such as { json: "/errors" }, or a list of them';
const RULE_IN_CODE = 'must be an object such as { json: "/errors" }, a function, or a list of them';

const several = <S extends z.ZodType>(rule: S, error: string) =>
  z.union([rule, z.array(rule).min(1).max(20).readonly()], { error }).optional();

/** `failureWhen` in a configuration file. */
export const failureRules = several(failureWhenSchema, RULE);

/** `failureWhen` in code. */
export const failureRulesInCode = several(
  z.union([failureWhenSchema, functionOption<FailurePredicate>()], { error: RULE_IN_CODE }),
  RULE_IN_CODE,
);

const retryWhen = optionsObject({ ...failureWhenSchema.shape, retry: z.boolean().optional() });

/** `retry.failureWhen` in a configuration file. */
export const retryRules = several(retryWhen, RULE);

/** `retry.failureWhen` in code. */
export const retryRulesInCode = several(
  z.union([retryWhen, functionOption<RetryPredicate>()], { error: RULE_IN_CODE }),
  RULE_IN_CODE,
);

/** Asks for the bodies that some rule looks at; `undefined` without rules. */
export function bodyReader(rules: Rules): BodyReader | undefined {
  if (rules === undefined) return undefined;
  const anyType = [rules].flat().some((rule) => typeof rule === 'function');
  return {
    wantsBody: ({ status, rawHeaders }) => {
      if (status >= 300 && status < 400) return false;
      const length = headerValue(rawHeaders, 'content-length');
      if (length !== undefined && !(Number(length) <= MAX_JUDGED_BYTES)) return false;
      return anyType || isJson(rawHeaders);
    },
  };
}

/** Judges a response by its body, if all of it is there. */
export function judgeBody(
  rules: Rules,
  { status, rawHeaders }: ResponseHead,
  { bytes: body, complete }: HeldBody,
): BodyVerdict {
  if (rules === undefined || !complete) return undefined;
  for (const rule of [rules].flat()) {
    if (typeof rule === 'function') {
      const verdict = settledNow(
        rule({ status, rawHeaders, body: readable(rawHeaders, body) }),
        'failureWhen',
      );
      if (verdict) return verdict === 'stop' ? 'stop' : 'failure';
    } else if (isFailureByBody(rule, rawHeaders, body))
      return 'retry' in rule && rule.retry === false ? 'stop' : 'failure';
  }
  return undefined;
}
