// The cases import modules that register hooks with mocha's globals, which do not exist when the page is written.
Object.assign(globalThis, { afterEach: () => {}, after: () => {} });
