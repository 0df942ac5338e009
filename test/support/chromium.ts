import { type Browser, chromium } from 'playwright-core';

/** The distribution's Chromium, without a window; the variable `CHROMIUM` names another. */
export function launchChromium(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  // Containers give no user namespaces, which its own sandbox needs.
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}
