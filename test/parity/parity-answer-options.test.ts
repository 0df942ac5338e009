import { ANSWER_CASES } from './cases/answer-options.js';
import { parityTests } from './support/parity-tests.js';

parityTests(ANSWER_CASES);
