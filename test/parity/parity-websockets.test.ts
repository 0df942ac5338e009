import { WEBSOCKET_CASES } from './cases/websockets.js';
import { parityTests } from './support/parity-tests.js';

parityTests(WEBSOCKET_CASES);
