/** One metric of `Server-Timing`. */
export interface TimingMetric {
  readonly name: string;
  readonly desc?: string;
  readonly dur?: number;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/;
const QUOTED = /^"((?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)"/;

/**
 * The metrics of all lines of `Server-Timing`, parsed strictly by the grammar of the W3C draft: what a browser would
 * silently skip is an error here.
 */
export function parseServerTiming(lines: readonly string[]): TimingMetric[] {
  let rest = lines.join(', ');
  const take = (pattern: RegExp, what: string): string => {
    const [all, inner] = pattern.exec(rest) ?? [];
    if (all === undefined) throw new SyntaxError(`${what} expected at: ${rest}`);
    rest = rest.slice(all.length);
    return inner ?? all;
  };
  const has = (text: string): boolean => {
    const trimmed = rest.replace(/^[ \t]+/, '');
    if (!trimmed.startsWith(text)) return false;
    rest = trimmed.slice(text.length).replace(/^[ \t]+/, '');
    return true;
  };
  const metrics: TimingMetric[] = [];
  do {
    const metric: Record<string, string> = { name: take(TOKEN, 'A name') };
    while (has(';')) {
      const parameter = take(TOKEN, 'A parameter').toLowerCase();
      if (!has('=')) throw new SyntaxError(`A value expected at: ${rest}`);
      const value = take(rest.startsWith('"') ? QUOTED : TOKEN, 'A value').replace(/\\(.)/g, '$1');
      // The first one of a name counts.
      metric[parameter] ??= value;
    }
    const { name = '', desc, dur } = metric;
    metrics.push({
      name,
      ...(desc !== undefined && { desc }),
      ...(dur !== undefined && { dur: Number(dur) }),
    });
  } while (has(','));
  if (rest !== '') throw new SyntaxError(`The end expected at: ${rest}`);
  return metrics;
}
