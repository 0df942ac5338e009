import { expect } from 'chai';
import { UnknownNames, unknownText } from '../../../lib/gateway/unknown-names.js';

function watching(...names: string[]) {
  const lines: [object, string][] = [];
  const clock = { now: Date.UTC(2026, 0, 1) };
  const apis = new Map(names.map((name) => [name, {}]));
  const logger = { warn: (facts: object, text: string) => void lines.push([facts, text]) };
  const now = () => clock.now;
  const unknown = new UnknownNames(logger as never, apis, { steady: now, wall: now });
  const end = (path: string, times = 1) => {
    for (let i = 0; i < times; i++) unknown.called(path, '10.0.0.7');
  };
  return { unknown, lines, clock, apis, end, texts: () => unknown.list().map(unknownText) };
}

describe('UnknownNames', () => {
  it('tells of a name once a minute, with the calls since, and of all in the list', () => {
    const { lines, clock, end, texts } = watching('weather');
    end('/wether/a', 5);
    const text = '"wether" is called, and no API has this name (did you mean "weather"?)';
    expect(lines).to.deep.equal([[{ api: 'wether', calls: 1, client: '10.0.0.7' }, text]]);
    clock.now += 60_000;
    end('/wether/b?c', 2);
    expect(lines.slice(1)).to.deep.equal([[{ api: 'wether', calls: 5, client: '10.0.0.7' }, text]]);
    expect(texts()).to.deep.equal([`${text}; 7 calls, the last at 2026-01-01T00:01:00.000Z from 10.0.0.7`]);
  });

  it('takes a path with two slashes for one without a name, not for the API behind them', () => {
    const { lines, end, texts } = watching('weather', 'u');
    end('//weather/a', 2);
    end('/');
    end('/?a=/weather');
    const text = 'a path without the name of an API is called: /api/ alone, or with two slashes behind it';
    expect(lines).to.deep.equal([[{ api: '', calls: 1, client: '10.0.0.7' }, text]]);
    expect(texts()).to.deep.equal([`${text}; 4 calls, the last at 2026-01-01T00:00:00.000Z from 10.0.0.7`]);
  });

  it('says when a reload has removed the API, and what it has added', () => {
    const { unknown, lines, apis, end } = watching('v2');
    unknown.updated({ added: ['v2'], removed: ['weather'] });
    end('/weather/a');
    expect(lines[0]?.[1]).to.equal(
      '"weather" is called, and no API has this name: a reload has removed it at 2026-01-01T00:00:00.000Z, and added "v2"',
    );
    apis.set('weather', {});
    unknown.updated({ added: ['weather'], removed: [] });
    apis.delete('weather');
    end('/other/a');
    expect(lines[1]?.[1]).to.equal('"other" is called, and no API has this name');
    expect(unknown.list().map(({ name, hint }) => [name, hint])).to.deep.equal([
      ['weather', ''],
      ['other', ''],
    ]);
  });

  it('forgets a name that is configured by now, or was not called for ten minutes', () => {
    const { clock, apis, end, texts } = watching();
    end('/a');
    end('/b');
    apis.set('a', {});
    expect(texts()).to.have.length(1);
    clock.now += 600_001;
    expect(texts()).to.deep.equal([]);
  });

  it('is bounded where clients invent names: the most called stays, and ten lines a minute are enough', () => {
    const { lines, end, unknown } = watching();
    end('/real/a', 3);
    for (let i = 0; i < 500; i++) end(`/invented-${i}/a`);
    expect(lines).to.have.length(10);
    expect(unknown.list()).to.have.length(20);
    expect(unknown.list().map(({ name }) => name)).to.include('real');
  });

  it('shows neither a secret nor all of a long name', () => {
    const { lines, end } = watching();
    end('/bot12345:AAFsecretsecret/getMe');
    end(`/${'n'.repeat(5000)}`);
    expect(JSON.stringify(lines)).not.to.include('AAFsecret');
    expect(lines[1]?.[1].length).to.be.below(200);
  });
});
