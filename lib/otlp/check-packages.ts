import { InvalidOptionError } from '../core/errors.js';
import { exporterPackage, isDisabled } from './environment.js';
import { METRICS_SDK } from './otlp-metrics.js';
import type { OtlpOption } from './otlp-options.js';
import { TRACES_SDK } from './otlp-traces.js';
import { installing, missingOf } from './packages.js';

interface Block {
  readonly otlp?: OtlpOption | undefined;
}

/** The blocks that may send by OTLP. */
export interface OtlpBlocks {
  readonly tracing?: Block | boolean | undefined;
  readonly metrics?: Block | boolean | undefined;
}

/**
 * Checks that what sends by OTLP is installed, as the start would, for spans and metrics at once.
 * @throws InvalidOptionError with the one command that installs all that is missing
 */
export function checkOtlpPackages({ tracing, metrics }: OtlpBlocks): void {
  if (isDisabled()) return;
  const options: string[] = [];
  const missing: string[] = [];
  const check = (option: string, block: Block | boolean | undefined, names: () => readonly string[]) => {
    const lacking = typeof block === 'object' && block.otlp !== undefined ? missingOf(names()) : [];
    if (lacking.length === 0) return;
    options.push(option);
    missing.push(...lacking);
  };
  check('tracing.otlp', tracing, () => [TRACES_SDK, exporterPackage('traces', 'tracing.otlp')]);
  check('metrics.otlp', metrics, () => [METRICS_SDK, exporterPackage('metrics', 'metrics.otlp')]);
  const [first] = options;
  if (first === undefined) return;
  const need = options.length > 1 ? 'need' : 'needs';
  throw new InvalidOptionError(first, `${options.join(' and ')} ${need} ${installing(missing)}`);
}
