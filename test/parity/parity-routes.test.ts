import { ROUTE_CASES } from './cases/routes.js';
import { parityTests } from './support/parity-tests.js';

parityTests(ROUTE_CASES);
