import { PLUGIN_CASES } from './cases/plugins.js';
import { parityTests } from './support/parity-tests.js';

parityTests(PLUGIN_CASES);
