import { MESSAGE_CASES } from './cases/messages.js';
import { parityTests } from './support/parity-tests.js';

parityTests(MESSAGE_CASES);
