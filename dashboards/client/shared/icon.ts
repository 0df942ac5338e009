/** Names of the icons; their shapes differ, so that colour is not needed to distinguish them. */
export type IconName = 'ok' | 'warning' | 'stop' | 'idle';

const PATHS: Readonly<Record<IconName, string>> = {
  ok: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.4 5.2-4 4.6a.8.8 0 0 1-1.2 0L4.5 9.1l1.1-1.1 1.2 1.2 3.4-4z',
  warning: 'M8 1.2 15.4 14H.6zM7.2 6v4h1.6V6zm0 5.2v1.6h1.6v-1.6z',
  stop: 'M4.9 1h6.2L15 4.9v6.2L11.1 15H4.9L1 11.1V4.9zM5 7.2v1.6h6V7.2z',
  idle: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm-3 6.2h6v1.6H5z',
};

const SVG = 'http://www.w3.org/2000/svg';

/** A small picture beside a word with the same meaning. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  path.setAttribute('fill-rule', 'evenodd');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(path);
  return svg;
}
