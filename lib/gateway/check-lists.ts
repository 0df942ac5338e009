import { optionsOf } from '../apis/blocks.js';
import type { ManyApisConfig } from '../apis/options.js';
import { SortedApis } from '../apis/sorted-apis.js';
import { checkList } from '../proxy-rotate/live-list.js';

/**
 * Reads the lists of egress proxies that are in files, as the start would. Not part of loading: a reload goes on with the
 * list that it has.
 * @throws InvalidOptionError
 */
export function checkLists(config: ManyApisConfig): void {
  for (const [name, { proxyRotate }] of new SortedApis(true).resolve(config).apis) {
    const { proxies } = optionsOf(proxyRotate);
    if (proxies !== undefined && 'file' in proxies) checkList(name, proxies);
  }
}
