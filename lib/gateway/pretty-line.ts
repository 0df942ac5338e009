import { styleText } from 'node:util';

type Fields = Readonly<Record<string, unknown>>;
type Style = Parameters<typeof styleText>[0];

const STYLES: Readonly<Record<string, Style>> = {
  trace: 'gray',
  debug: 'gray',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: ['bold', 'red'],
};

/** What could move the cursor, ring a bell, or turn the direction of a line: a message may quote what an API sent. */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}]/gu;
const LEFT_OUT = new Set(['level', 'time', 'name', 'msg', 'err', 'cause', 'phases', 'redis']);
const OF_A_CALL = new Set(['method', 'path', 'status', 'durationMs', 'api', 'aborted']);

/** Log lines as JSON, one or more, for somebody who reads them in a terminal. What is not JSON stays as it is. */
export function prettyLines(lines: string, colors: boolean): string {
  const ends = lines.endsWith('\n');
  const each = (ends ? lines.slice(0, -1) : lines).split('\n');
  return each.map((line) => prettyLine(line, colors)).join('\n') + (ends ? '\n' : '');
}

function prettyLine(line: string, colors: boolean): string {
  const fields = parsed(line);
  if (!fields) return line;
  const paint = (style: Style, text: string) => (colors && text ? styleText(style, text) : text);
  const level = String(fields.level);
  const time = safe(timeOf(fields.time));
  const isCall = typeof fields.method === 'string' && typeof fields.path === 'string';
  const text = isCall ? callText(fields) : safe(fields.msg);
  const rest = Object.entries(fields).filter(
    ([key]) => !LEFT_OUT.has(key) && !(isCall && OF_A_CALL.has(key)),
  );
  const details = rest.map(([key, value]) => `${key}=${valueText(value)}`).join(' ');
  const head = [
    paint('gray', time),
    paint(STYLES[level] ?? 'reset', safe(level).toUpperCase().padEnd(5)),
    text,
    paint('gray', details),
  ];
  const errors = [fields.err, fields.cause].flatMap(errorLines).map((one) => paint('gray', `    ${one}`));
  return [head.filter(Boolean).join(' '), ...errors].join('\n');
}

function parsed(line: string): Fields | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Time of day, here: a terminal shows what is happening now. */
function timeOf(time: unknown): string {
  const at = new Date(String(time));
  if (Number.isNaN(at.getTime())) return '';
  const two = (value: number) => String(value).padStart(2, '0');
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

function callText({ method, path, status, durationMs, aborted, msg }: Fields): string {
  const how = `${safe(status ?? '---')}${aborted ? ' aborted' : ''} ${safe(durationMs)} ms`;
  const why = msg === 'call' ? '' : `: ${safe(msg)}`;
  return `${safe(method)} ${safe(path)} ${how}${why}`;
}

const valueText = (value: unknown): string =>
  typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : safe(JSON.stringify(value));

/** The stack of an error, or what there is of it. */
function errorLines(error: unknown): string[] {
  if (typeof error !== 'object' || error === null) return error === undefined ? [] : [valueText(error)];
  const { stack, message, code } = error as Fields;
  const text = typeof stack === 'string' && stack !== '' ? stack : String(message ?? JSON.stringify(error));
  return [
    ...text.split('\n').map((one) => safe(one.trim())),
    ...(code === undefined ? [] : [`code=${safe(code)}`]),
  ];
}

const safe = (value: unknown): string =>
  String(value).replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
