import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/**
 * Every file of the built client, by its path. This is for the TypeScript sources, and reads what was built last: the
 * build puts a module in its place that has the files in it, so that they are there wherever the code is, also in a
 * program that is bundled into one file.
 */
export async function clientFiles(): Promise<ReadonlyMap<string, string>> {
  const folder = fileURLToPath(new URL('../../dist/dashboards/client', import.meta.url));
  const names = await readdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new Error(`The dashboards' client is not built (npm run build): nothing in ${folder}`, {
      cause: error,
    });
  });
  const files = names.map((name) => name.replaceAll('\\', '/')).filter((name) => /\.\w+$/.test(name));
  const read = async (name: string) => [name, await readFile(`${folder}/${name}`, 'utf8')] as const;
  return new Map(await Promise.all(files.sort().map(read)));
}
