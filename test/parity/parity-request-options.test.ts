import { REQUEST_CASES } from './cases/request-options.js';
import { parityTests } from './support/parity-tests.js';

parityTests(REQUEST_CASES);
