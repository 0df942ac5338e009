import { SocksProxyAgent } from 'socks-proxy-agent';

const loaded = { SocksProxyAgent };

/** socks-proxy-agent, which is loaded once a connection through a SOCKS proxy is opened. */
export const socksProxyAgent = async (): Promise<typeof loaded> => loaded;
