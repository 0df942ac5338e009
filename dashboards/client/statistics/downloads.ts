import { byId, el } from '../shared/element.js';
import { type PageState, selectionOf } from './page-state.js';

const FILES: readonly (readonly [file: string, name: string])[] = [
  ['paths.csv', 'Paths as CSV'],
  ['buckets.csv', 'Over time as CSV'],
  ['stats.json', 'Everything as JSON'],
];

/** Links to files with the figures of the selection. */
export class Downloads {
  readonly #links = FILES.map(([file, name]) => ({ file, link: el('a', { download: true }, name) }));

  constructor() {
    const items = this.#links.map(({ link }) => el('li', {}, link));
    byId('figures').append(
      el('footer', { class: 'downloads' }, el('h2', {}, 'Download'), el('ul', {}, ...items)),
    );
  }

  /** Links to the files of this selection. */
  show(state: PageState): void {
    for (const { file, link } of this.#links) link.href = `${file}?${selectionOf(state)}`;
  }
}
