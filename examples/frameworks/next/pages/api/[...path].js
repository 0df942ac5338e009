// Every path below /api. Next.js is not to read the bodies, and is told that the proxy responds by itself.
import { proxy } from '../../apis.js';

export const config = { api: { bodyParser: false, externalResolver: true, responseLimit: false } };

export default function handler(req, res) {
  proxy(req, res);
}
