import { type Browser, chromium } from 'playwright-core';

/** The distribution's Chromium, headless; the variable `CHROMIUM` names another. */
export function launchChromium(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  // Containers have no user namespaces, which Chromium's sandbox needs.
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}
