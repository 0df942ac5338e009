import * as z from 'zod';

/** Where something is sent by OTLP: the URL of a collector, or `true` for what the variables `OTEL_*` say. */
export type OtlpOption = string | true;

export const otlpOption: z.ZodType<OtlpOption, OtlpOption> = z.union(
  [
    z.literal(true),
    z.string().refine(isCollector, 'must be an http or https URL without a user, as http://collector:4318'),
  ],
  { error: 'must be an http or https URL, as http://collector:4318, or true' },
);

function isCollector(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '';
}
