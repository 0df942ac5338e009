// Makes what is published smaller: without the references to source maps, which are not published, without the paths of
// what a chunk is made of, and indented by tabs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

for (const name of readdirSync('dist', { recursive: true })) {
  if (!/\.(js|d\.ts)$/.test(name)) continue;
  const file = join('dist', name);
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, name.endsWith('.js') ? slimScript(text) : withTabs(text, 4));
}

function slimScript(text) {
  const published = text.replace(/\/\/# sourceMappingURL=\S+\s*$/, '').replace(/^\n\/\/ dist\/\S+\n/gm, '');
  return withTabs(published, 2, insideTemplates(published));
}

/** @param isText whether the line that begins there is part of a text, whose spaces count */
function withTabs(text, width, isText = () => false) {
  return text.replace(/^ +/gm, (spaces, at) =>
    isText(at) ? spaces : '\t'.repeat(spaces.length / width) + ' '.repeat(spaces.length % width),
  );
}

/** Tells whether a place is in a template literal of the script. */
function insideTemplates(script) {
  const ranges = [];
  const visit = (node) => {
    if (ts.isTemplateLiteralToken(node)) ranges.push([node.getStart(), node.end]);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('chunk.js', script, ts.ScriptTarget.Latest, true));
  return (at) => ranges.some(([from, to]) => from < at && at < to);
}
