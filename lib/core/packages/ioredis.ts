import { Cluster, Redis } from 'ioredis';

const loaded = { Cluster, Redis };

/** ioredis, which is loaded once something opens a connection to Redis. */
export const ioredis = (): typeof loaded => loaded;
