import { setAttribute, setText } from './element.js';
import { formatUtc, formatWhen } from './format.js';

/** Shows a time in the reader's time zone, with UTC as tooltip. */
export function showMoment(element: HTMLTimeElement, time: number): void {
  setText(element, formatWhen(time));
  setAttribute(element, 'datetime', new Date(time).toISOString());
  setAttribute(element, 'title', formatUtc(time));
}

/** A time that does not change. */
export function moment(time: number): HTMLTimeElement {
  const element = document.createElement('time');
  showMoment(element, time);
  return element;
}
