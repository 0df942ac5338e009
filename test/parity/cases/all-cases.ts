import type { ParityCase } from '../support/parity-case.js';
import { BUFFER_CASES } from './buffers.js';
import { CONNECTION_CASES } from './connections.js';
import { COPY_CASES } from './copies.js';
import { ENDING_CASES } from './endings.js';
import { ERROR_CASES } from './errors.js';
import { EVENT_CASES } from './events.js';
import { EXPRESS_CASES } from './express.js';
import { FAILED_UPGRADE_CASES } from './failed-upgrades.js';
import { HEADER_CASES } from './headers.js';
import { INTERCEPTOR_CASES } from './interceptors.js';
import { PARSED_BODY_CASES } from './parsed-bodies.js';
import { PATH_CASES } from './paths.js';
import { PLUGIN_CASES } from './plugins.js';
import { REDIRECT_CASES } from './redirects.js';
import { REQUEST_CASES } from './requests.js';
import { RESPONSE_CASES } from './responses.js';
import { REWRITE_CASES } from './rewrites.js';
import { ROUTER_CASES } from './router.js';
import { WEBSOCKET_CASES } from './websockets.js';

/** All of them. */
export const ALL_CASES: readonly ParityCase[] = [
  ...REQUEST_CASES,
  ...RESPONSE_CASES,
  ...ROUTER_CASES,
  ...PATH_CASES,
  ...HEADER_CASES,
  ...CONNECTION_CASES,
  ...BUFFER_CASES,
  ...COPY_CASES,
  ...REWRITE_CASES,
  ...REDIRECT_CASES,
  ...EVENT_CASES,
  ...ERROR_CASES,
  ...INTERCEPTOR_CASES,
  ...PARSED_BODY_CASES,
  ...PLUGIN_CASES,
  ...ENDING_CASES,
  ...EXPRESS_CASES,
  ...WEBSOCKET_CASES,
  ...FAILED_UPGRADE_CASES,
];
