import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchChromium } from './chromium.js';
import { onCleanup } from './cleanup.js';

/** A page in a real browser, and its errors. */
export interface Visit {
  readonly page: Page;
  /** Errors in the console, exceptions, and violations of the content security policy. */
  readonly complaints: readonly string[];
}

/** A browser for the tests of one `describe`. */
export interface TestBrowser {
  /** Opens a page in a context of its own, closed after the test. */
  visit(url: string, options?: BrowserContextOptions): Promise<Visit>;
}

/** Starts Chromium before the tests of the `describe` this is called in, and ends it after them. */
export function useBrowser(): TestBrowser {
  let browser: Browser | undefined;
  before(async () => {
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
  });
  return {
    async visit(url, options) {
      if (!browser) throw new Error('visit() belongs into a test');
      return visit(browser, url, options);
    },
  };
}

// As text: the tests are compiled without a browser's types.
const WATCH_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (event) => {
  window.tellViolation(event.violatedDirective + ' ' + event.blockedURI);
});`;

async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const viewport = { width: 1280, height: 900 };
  const context = await browser.newContext({ viewport, locale: 'en-GB', ...options });
  onCleanup(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.exposeFunction('tellViolation', (violation: string) => complaints.push(violation));
  await page.addInitScript(WATCH_VIOLATIONS);
  await page.goto(url);
  return { page, complaints };
}
