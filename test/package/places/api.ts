import { createServer, type ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';
import { listening } from '../../support/listening.js';

/** An API to call from every place: it says what it has received, streams, and echoes what WebSockets send. */
export interface CalledApi {
  readonly url: string;
  /** The response of `/stream` that is open, whose client is there. */
  readonly streaming: Promise<ServerResponse>;
}

export async function startApi(): Promise<CalledApi> {
  let opened: (res: ServerResponse) => void = () => {};
  const streaming = new Promise<ServerResponse>((resolve) => {
    opened = resolve;
  });
  const server = createServer(async (req, res) => {
    if (req.url === '/stream') {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: first\n\n');
      return opened(res);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    res.writeHead(201, { 'Content-Type': 'application/json', 'X-Api': 'demo' });
    res.end(JSON.stringify({ method: req.method, url: req.url, body: Buffer.concat(chunks).toString() }));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));
  const { port } = await listening(server);
  return { url: `http://127.0.0.1:${port}`, streaming };
}
