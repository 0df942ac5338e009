// Makes what is published smaller: without the references to source maps, which are not published, and with declarations
// that are indented by tabs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

for (const name of readdirSync('dist', { recursive: true })) {
  if (!/\.(js|d\.ts)$/.test(name)) continue;
  const file = join('dist', name);
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    name.endsWith('.js')
      ? text.replace(/\/\/# sourceMappingURL=\S+\s*$/, '')
      : text.replace(/^(?: {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4)),
  );
}
