import { expect } from 'chai';
import { ListReader } from '../../../lib/proxy-rotate/list-reader.js';

const names = ({ proxies }: ReturnType<ListReader['read']>) => proxies.map(({ name }) => name);

describe('ListReader', () => {
  it('leaves out comments, blank lines and what is listed twice', () => {
    const text = '\ufeff# ours\r\n\r\n  a.test:1  # the first\r\nb.test:2:u:p#w\r\na.test:1\r\n';
    const { proxies, wrongLines } = new ListReader().read(text);
    expect(proxies.map(({ name }) => name)).to.deep.equal(['a.test:1', 'b.test:2']);
    expect(proxies[1]?.address.authorization).to.equal(`Basic ${Buffer.from('u:p#w').toString('base64')}`);
    expect(wrongLines).to.equal(0);
  });

  it('tells wrong lines by their numbers, the first of them, and goes on with the others', () => {
    const wrong = Array.from({ length: 30 }, (_, i) => `nonsense-${i}`);
    const content = new ListReader().read(['a.test:1', ...wrong, 'b.test:2'].join('\n'));
    expect(names(content)).to.deep.equal(['a.test:1', 'b.test:2']);
    expect(content.wrongLines).to.equal(30);
    expect(content.problems.map(({ line }) => line)).to.deep.equal(
      Array.from({ length: 20 }, (_, i) => i + 2),
    );
  });

  it('keeps what a line stands for as long as the line stays', () => {
    const reader = new ListReader();
    const first = reader.read('a.test:1\nb.test:2\nc.test:3').proxies;
    const second = reader.read('c.test:3\nd.test:4\na.test:1').proxies;
    expect(second[0]).to.equal(first[2]);
    expect(second[2]).to.equal(first[0]);
  });

  it('gives each proxy a name of its own, which it keeps', () => {
    const reader = new ListReader();
    const lines = ['g.test:1:user-1:p', 'g.test:1:user-2:p', 'g.test:1:user-3:p'];
    expect(names(reader.read(lines.join('\n')))).to.deep.equal(['g.test:1', 'g.test:1 #2', 'g.test:1 #3']);
    expect(names(reader.read(lines.slice(1).join('\n')))).to.deep.equal(['g.test:1 #2', 'g.test:1 #3']);
    expect(names(reader.read([...lines.slice(1), 'g.test:1:user-4:p'].join('\n')))).to.deep.equal([
      'g.test:1 #2',
      'g.test:1 #3',
      'g.test:1',
    ]);
  });

  it('lets a proxy have its name again whose password has changed', () => {
    const reader = new ListReader();
    reader.read('a.test:1:user:old');
    expect(names(reader.read('a.test:1:user:new'))).to.deep.equal(['a.test:1']);
  });

  it('knows its lines still after a list without any', () => {
    const reader = new ListReader();
    const [before] = reader.read('a.test:1').proxies;
    expect(reader.read('<html>').proxies).to.deep.equal([]);
    expect(reader.read('a.test:1').proxies[0]).to.equal(before);
    expect(names(reader.read('a.test:1\na.test:1:u:p'))).to.deep.equal(['a.test:1', 'a.test:1 #2']);
  });

  it('takes over the lines of another', () => {
    const first = new ListReader();
    const [before] = first.read('a.test:1').proxies;
    const second = new ListReader(first);
    expect(second.read('a.test:1').proxies[0]).to.equal(before);
    expect(names(second.read('a.test:1\na.test:1:u:p'))).to.deep.equal(['a.test:1', 'a.test:1 #2']);
  });

  it('lets others run while it reads many new lines', async () => {
    const text = Array.from({ length: 2000 }, (_, i) => `h${i}.test:1`).join('\n');
    let turns = 0;
    const turn = () => {
      turns++;
      setImmediate(turn).unref();
    };
    setImmediate(turn).unref();
    const { proxies } = await new ListReader().readInTurns(text);
    expect(proxies).to.have.length(2000);
    expect(turns).to.be.at.least(7);
  });
});
