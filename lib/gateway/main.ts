#!/usr/bin/env node
import { keepYoungHeapSmall } from './young-heap.js';

keepYoungHeapSmall();
const { runProgram } = await import('./run-program.js');
process.exitCode = await runProgram(process.argv.slice(2));
