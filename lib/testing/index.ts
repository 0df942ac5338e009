export { type TestClock, testClock } from './clock.js';
export {
  cutOff,
  hangUp,
  json,
  type ScriptedHeaders,
  type ScriptedResponse,
  silence,
  status,
  text,
} from './responses.js';
export { type Served, serve } from './serve.js';
export { type ReceivedRequest, type ScriptedUpstream, startUpstream } from './upstream.js';
