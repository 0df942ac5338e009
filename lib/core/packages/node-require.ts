/**
 * Lets CommonJS packages load Node's own modules in an ES module that esbuild has made of them: there `require("events")`
 * throws "Dynamic require of "events" is not supported", unless there is a global `require`. Only what is bundled imports
 * this module, and before any such package.
 */
const { url }: { readonly url?: string } = import.meta;
// There is none in a CommonJS module, which has a `require` of its own.
const inOneModule = url !== undefined && !url.endsWith('/node-require.js');

if (inOneModule && !('require' in globalThis)) {
  // It stays: some packages load modules when they need them.
  Object.defineProperty(globalThis, 'require', { configurable: true, writable: true, value: builtin });
}

function builtin(name: string): unknown {
  const found: unknown = process.getBuiltinModule(name);
  if (found !== undefined) return found;
  const code = name.startsWith('node:') ? 'ERR_UNKNOWN_BUILTIN_MODULE' : 'MODULE_NOT_FOUND';
  throw Object.assign(new Error(`Cannot find module '${name}'`), { code });
}

export {};
