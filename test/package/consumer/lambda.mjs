// Stands in for API Gateway in front of a function: an event of its format 2.0 for each request.
import { createServer } from 'node:http';
import { handler } from './serverless.mjs';

const server = createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const [rawPath, rawQueryString = ''] = req.url.split('?');
  const http = { method: req.method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1' };
  const event = {
    version: '2.0',
    rawPath,
    rawQueryString,
    headers: req.headers,
    requestContext: { http },
    body: Buffer.concat(chunks).toString('base64'),
    isBase64Encoded: true,
  };
  const { statusCode, headers, body, isBase64Encoded } = await handler(event, {});
  res.writeHead(statusCode, headers).end(Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8'));
});
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
process.once('SIGTERM', () => process.exit(0));
