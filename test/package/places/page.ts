import { BUNDLES } from '../bundlers.js';
import { NODES } from '../node-binary.js';
import { RUNTIMES } from '../runtimes.js';
import { PLACES, type Place, WORKS } from './places.js';

const INTRODUCTION = `# Where it works

Every row of these tables is a program that the tests (\`npm run test:package\`) start with the packed package and call. The page is
written from what they check: \`npm run docs:places\`.

## Servers and frameworks

- **calls**: requests with query and body, errors, and the routes of the application beside the proxy
- **streams**: a response is passed on chunk by chunk, and the call to the API ends when the client leaves
- **pages**: \`statsDashboard()\` with its scripts and live figures
- **WebSockets**: below the path of the proxy

`;

const MIDDLE = `
Where the framework removes the path at which a handler is mounted (Express, Connect, middie), nothing else is needed. Where it
does not, the option [\`mount\`](options.md#for-all-apis-together) does: \`resilientProxy({ mount: '/api', … })\` and
\`statsDashboard(proxy.stats, { mount: '/stats' })\`. If it is missing, the response is 404 ERR_UNKNOWN_API with the path to set.
WebSockets come past the framework: \`server.on('upgrade', proxy.upgrade)\` with \`mount\`,
\`server.on('upgrade', upgradeRoutes({ '/api': proxy.upgrade }))\` without.

The handlers take Node's request and response, and respond later. A framework must not read the body before, or respond by itself:
each example shows how. What has only \`Request\` and \`Response\` of the Fetch standard (Next.js route handlers, edge functions,
Cloudflare Workers, \`Deno.serve\`, \`Bun.serve\`) cannot call them; run the [gateway](../README.md#gateway) beside it, or the proxy on a
port of its own, and \`fetch()\` that.

## Bundlers

A program is put into one file, which starts without any package beside it, forwards and shows its pages
([settings](../recipes/bundle-into-one-file.md)).

`;

/** The page docs/places.md. */
export function placesPage(): string {
  const head = `| place | ${WORKS.join(' | ')} | how |\n| --- |${' :-: |'.repeat(WORKS.length)} --- |\n`;
  const bundles = Object.keys(BUNDLES).map((name) => `| ${name} | ✓ |`);
  const nodes = NODES.map(
    (version) => `| Node ${version} | library and gateway; \`import\` and \`require\` |`,
  );
  const others = Object.entries(RUNTIMES).map(
    ([name, { version }]) => `| ${name} ${version} | gateway, with each transport |`,
  );
  return [
    `${INTRODUCTION}${head}${PLACES.map(rowOf).join('\n')}\n`,
    `${MIDDLE}| bundler | one file |\n| --- | :-: |\n${bundles.join('\n')}\n`,
    `\n## Runtimes\n\n| runtime | what runs |\n| --- | --- |\n${[...nodes, ...others].join('\n')}\n`,
  ].join('');
}

function rowOf({ name, example, works, how }: Place): string {
  const marks = WORKS.map((work) => (works.includes(work) ? '✓' : '–'));
  return `| [${name}](../examples/frameworks/${example}) | ${marks.join(' | ')} | ${how} |`;
}
