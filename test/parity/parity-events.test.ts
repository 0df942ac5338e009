import { EVENT_CASES } from './cases/events.js';
import { parityTests } from './support/parity-tests.js';

parityTests(EVENT_CASES);
