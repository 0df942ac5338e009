// What the cases import puts its hooks on mocha's globals, which are not there when the page is written.
Object.assign(globalThis, { afterEach: () => {}, after: () => {} });
