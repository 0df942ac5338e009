import type { IncomingMessage } from 'node:http';

/** Field that the page's own script sends with an action; a form or a link of another site cannot. */
export const ACTION_FIELD = 'x-dashboard-action';

/**
 * Why a request that acts was not made by the dashboard's own page; `undefined` where it was. What a browser
 * says of the page decides, and the field keeps out what an old browser says nothing of.
 */
export function crossSiteReason({ headers }: IncomingMessage): string | undefined {
  if (headers[ACTION_FIELD] === undefined) return `An action needs the header field ${ACTION_FIELD}`;
  const site = headers['sec-fetch-site'];
  if (site !== undefined)
    return site === 'same-origin' ? undefined : 'A page of another origin made this request';
  const { origin } = headers;
  if (origin === undefined) return undefined;
  // Over plain http a browser sends no Sec-Fetch-Site. A reverse proxy may have put its own name into Host.
  const own = [headers.host, headers['x-forwarded-host']].map((host) => `//${String(host).toLowerCase()}`);
  return own.some((host) => origin.toLowerCase().endsWith(host))
    ? undefined
    : 'A page of another origin made this request';
}
