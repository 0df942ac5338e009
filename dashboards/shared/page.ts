import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Asset, ClientAssets } from './client-assets.js';
import type { DashboardSettings } from './dashboard-options.js';

/** A page ready to be sent, and the ETag of its content. */
export interface Page {
  readonly asset: Asset;
  readonly tag: string;
}

/** Fills the template of a page: `{{title}}`, `{{links}}` and `{{assets}}`. */
export function renderPage(
  assets: ClientAssets,
  name: string,
  { title, links }: Pick<DashboardSettings, 'title' | 'links'>,
): Page {
  const template = assets.files.get(`${name}/index.html`);
  if (!template) throw new Error(`The built client holds no ${name}/index.html`);
  const folder = `assets/${assets.version}`;
  const values = new Map([
    ['title', escapeHtml(title)],
    [
      'links',
      links.map(({ label, href }) => `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>`).join(''),
    ],
    ['assets', folder],
  ]);
  const html = template.body.toString().replace(/\{\{(\w+)\}\}/g, (_, key: string) => values.get(key) ?? '');
  const body = Buffer.from(html);
  const tag = createHash('sha256').update(body).digest('base64url').slice(0, 12);
  return { asset: { type: template.type, body, gzipped: gzipSync(body) }, tag };
}

/** Escapes a text for HTML, also for attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
