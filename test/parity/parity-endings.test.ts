import { ENDING_CASES } from './cases/endings.js';
import { parityTests } from './support/parity-tests.js';

parityTests(ENDING_CASES);
