import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { placesPage } from '../../package/places/page.js';

describe('docs/places.md', () => {
  it('says what test/package tries: npm run docs:places writes it anew', async () => {
    expect(await readFile('docs/places.md', 'utf8')).to.equal(placesPage());
  });
});
