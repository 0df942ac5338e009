import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import express, { type RequestHandler } from 'express';
import { call } from '../../support/client.js';
import { openForward, TRANSPORTS } from '../../support/forwarding.js';
import { serveApp } from '../../support/serve.js';
import { json, startUpstream } from '../../support/upstream.js';

const express4: typeof express = createRequire(import.meta.url)('express4');

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

interface Sent {
  body: string | Buffer;
  type?: string;
  headers?: Record<string, string>;
}

for (const transport of TRANSPORTS) {
  for (const [version, framework] of [
    ['4', express4],
    ['5', express],
  ] as const) {
    describe(`forward() behind the parsers of Express ${version}, transport ${transport}`, () => {
      /** Sends a body through a parser. @returns the status, and what the target got */
      const through = async (parser: RequestHandler, { body, type = JSON_TYPE, headers = {} }: Sent) => {
        const upstream = await startUpstream(json({}));
        const app = framework().use(parser, openForward({ target: upstream.url, transport }));
        app.use(((error: { code: string }, _req: unknown, res: { end(text: string): void }, _next: unknown) =>
          res.end(error.code)) as never);
        const { url } = await serveApp(app);
        const framing: Record<string, string> = headers['transfer-encoding']
          ? {}
          : { 'content-length': String(Buffer.byteLength(body)) };
        const response = await call(url, {
          method: 'POST',
          body,
          headers: { 'content-type': type, ...framing, ...headers },
        });
        const [got] = upstream.requests;
        return {
          refused: got ? undefined : response.text,
          text: got?.body.toString('latin1'),
          type: got?.headers['content-type'],
          length: got?.headers['content-length'],
          coding: got?.headers['content-encoding'],
        };
      };
      const chunked = { 'transfer-encoding': 'chunked' };

      for (const form of [
        'line_items[0][price]=p1&line_items[0][quantity]=2&line_items[1][price]=p2&line_items[1][quantity]=1',
        'line_items%5B0%5D%5Bprice%5D=p1&line_items%5B1%5D%5Bprice%5D=p%202&expand%5B0%5D=a.b',
        'line_items[0][price]=p1&line_items[1][price]=p2&expand[]=customer',
        'expand[]=customer',
        'tags[0]=x',
        'tags[]=a&tags[]=b+c',
        'tags=a&tags=b%20c',
        'tags[0]=a&tags[1]=b',
        'a[b][]=1&a[b][]=2',
        'a%5Bb%5D=1&a%5Bb%5D=2&c=%C3%A9',
        'a[0][b][]=1&a[0][b][]=2&a[1][b][]=3',
        'a[b][c]=1&d=&e=%26%3D%2B',
        'mail=a@b.example&to[]=x!y',
      ]) {
        it(`keeps the form ${form}`, async () => {
          const { text, type, refused } = await through(framework.urlencoded({ extended: true }), {
            body: form,
            type: FORM,
          });
          expect(refused).to.equal(undefined);
          expect([...new URLSearchParams(text)]).to.deep.equal([...new URLSearchParams(form)]);
          expect(type).to.equal(FORM);
        });
      }

      for (const form of ['tags[]=a&tags[]=b', 'tags=a&tags=b', 'a[b]=1&tags[0]=x']) {
        it(`keeps the form ${form} of a parser without nesting`, async () => {
          const { text } = await through(framework.urlencoded({ extended: false }), {
            body: form,
            type: FORM,
          });
          expect([...new URLSearchParams(text)]).to.deep.equal([...new URLSearchParams(form)]);
        });
      }

      it('refuses a form whose lists it cannot tell apart', async () => {
        const parser = framework.urlencoded({ extended: true });
        const type = FORM;
        // Of chunks nobody knows the length; two styles in one form have no length of their own.
        for (const sent of [
          { body: 'tags[]=a&tags[]=b', headers: chunked },
          { body: gzipSync('tags[]=a&tags[]=b'), headers: { 'content-encoding': 'gzip' } },
          { body: 'a=1&a=2&b[]=3&b[]=4&b[]=5' },
          { body: 'items[][name]=a&items[][qty]=1' },
          { body: 'tags=a%20b&tags=c%20d' },
        ]) {
          expect((await through(parser, { type, ...sent })).refused, String(sent.body)).to.equal(
            'ERR_BODY_CONSUMED',
          );
        }
        expect((await through(parser, { type, body: 'a[b]=1&c=2', headers: chunked })).text).to.equal(
          'a%5Bb%5D=1&c=2',
        );
      });

      it('sends what verify has kept, whatever it is', async () => {
        const verify = (req: object, _res: unknown, rawBody: Buffer) => void Object.assign(req, { rawBody });
        const form = 'a=1&a=2&b[]=3&b[]=4&b[]=5';
        const kept = await through(framework.urlencoded({ extended: true, verify }), {
          body: form,
          type: FORM,
        });
        expect(kept.text).to.equal(form);
        const exact = '{"id": 9007199254740993, "x": 1.10}';
        expect((await through(framework.json({ verify }), { body: exact })).text).to.equal(exact);
        const packed = { body: gzipSync(exact), headers: { 'content-encoding': 'gzip' } };
        expect(await through(framework.json({ verify }), packed)).to.include({
          text: exact,
          coding: undefined,
        });
      });

      it('declares the charset that a form is sent in', async () => {
        const parser = framework.urlencoded({ extended: false });
        const type = `${FORM}; charset=ISO-8859-1`;
        // Express 4 reads forms in UTF-8 only.
        if (version === '4') return;
        expect(await through(parser, { body: 'a=%E9', type })).to.include({
          text: 'a=%C3%A9',
          type: `${FORM}; charset=utf-8`,
        });
      });

      it('keeps the quotes of a JSON text that is a string', async () => {
        const parser = framework.json({ strict: false });
        for (const body of ['"abc"', '"é"', '"1"', '"\\"a\\""', '1', 'null', 'true', '[]']) {
          expect(
            Buffer.from((await through(parser, { body })).text ?? '', 'latin1').toString(),
            body,
          ).to.equal(body);
        }
        expect((await through(parser, { body: '"abc"', headers: chunked })).text).to.equal('"abc"');
        expect((await through(parser, { body: '"1"', headers: chunked })).refused).to.equal(
          'ERR_BODY_CONSUMED',
        );
      });

      it('adds no quotes to a JSON text that was read as text', async () => {
        const parser = framework.text({ type: '*/*' });
        for (const body of ['{"a": 1}', '"abc"', '[1, 2]']) {
          expect((await through(parser, { body })).text).to.equal(body);
        }
      });

      it('keeps an empty body empty', async () => {
        for (const parser of [framework.json(), framework.json({ strict: false })]) {
          expect(await through(parser, { body: '', headers: chunked })).to.include({ text: '', length: '0' });
        }
        expect((await through(framework.json(), { body: '{}', headers: chunked })).text).to.equal('{}');
        const form = framework.urlencoded({ extended: true });
        expect((await through(form, { body: '', type: FORM, headers: chunked })).text).to.equal('');
      });

      it('refuses numbers that the parser has rounded (RFC 8259 §6)', async () => {
        for (const body of ['{"id": 9007199254740993}', '[{"a": [-9007199254740993]}]', '{"a": 1e400}']) {
          expect((await through(framework.json(), { body })).refused, body).to.equal('ERR_BODY_CONSUMED');
        }
        const exact = '{"id":9007199254740991,"a":0.1,"b":-1.5e-7}';
        expect((await through(framework.json(), { body: exact })).text).to.equal(exact);
      });

      it('sends text in the charset that it declares, or declares another', async () => {
        const parser = framework.text({ type: '*/*' });
        const latin = Buffer.from('a\xe9', 'latin1');
        const type = 'text/plain; charset="ISO-8859-1"; format=flowed';
        expect(await through(parser, { body: latin, type })).to.include({ text: 'a\xe9', type });
        const wide = Buffer.from('a\u20ac', 'utf16le');
        expect(await through(parser, { body: wide, type: 'text/plain; charset=utf-16le' })).to.include({
          text: wide.toString('latin1'),
          type: 'text/plain; charset=utf-16le',
        });
        const cyrillic = Buffer.from('\xc1', 'latin1');
        expect(await through(parser, { body: cyrillic, type: 'text/plain; charset=koi8-r; x=y' })).to.include(
          {
            text: Buffer.from('\u0430').toString('latin1'),
            type: 'text/plain; charset=utf-8; x=y',
          },
        );
        const wideJson = Buffer.from('{"a":"\u20ac"}', 'utf16le');
        expect(
          await through(framework.json(), { body: wideJson, type: 'application/json; charset=utf-16le' }),
        ).to.include({
          text: Buffer.from('{"a":"\u20ac"}').toString('latin1'),
          type: 'application/json; charset=utf-8',
        });
      });
    });
  }
}
