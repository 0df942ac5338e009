import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** Header that the page's own script sends with an action; a form or a link of another site cannot. */
export const ACTION_HEADER = 'x-dashboard-action';

/**
 * Why an action was not requested by the dashboard's own page; `undefined` if it was. What the browser says of the page
 * decides; the header refuses other pages in old browsers, which say nothing.
 */
export function crossSiteReason({ headers }: IncomingMessage): string | undefined {
  if (headers[ACTION_HEADER] === undefined) return `An action needs the header ${ACTION_HEADER}`;
  const site = headers['sec-fetch-site'];
  const own = site === undefined ? isOwnOrigin(headers) : site === 'same-origin';
  return own ? undefined : 'A page of another origin made this request';
}

/** Whether no page of another origin made a request of which the browser says no more than the `Origin`. */
export function isOwnOrigin(headers: IncomingHttpHeaders): boolean {
  const { origin } = headers;
  if (origin === undefined) return true;
  // Over plain http a browser sends no Sec-Fetch-Site. A reverse proxy may have put its own name into Host.
  const own = [headers.host, headers['x-forwarded-host']].map((host) => `//${String(host).toLowerCase()}`);
  return own.some((host) => origin.toLowerCase().endsWith(host));
}
