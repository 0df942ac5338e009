import { HELPER_CASES } from './cases/helpers.js';
import { parityTests } from './support/parity-tests.js';

parityTests(HELPER_CASES);
