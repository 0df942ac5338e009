import { setAttribute, setText } from './element.js';
import { formatUtc, formatWhen } from './format.js';

/** Shows a moment in the reader's time, with UTC in its title. */
export function showMoment(element: HTMLTimeElement, time: number): void {
  setText(element, formatWhen(time));
  setAttribute(element, 'datetime', new Date(time).toISOString());
  setAttribute(element, 'title', formatUtc(time));
}

/** A moment that does not change. */
export function moment(time: number): HTMLTimeElement {
  const element = document.createElement('time');
  showMoment(element, time);
  return element;
}
