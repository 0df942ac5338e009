import { expect } from 'chai';
import { givenMembers } from '../../support/options/given-types.js';

/** What users implement: as a rule with a class, which has its methods or has them not. */
const IMPLEMENTED = /^(CacheStore|StatsSource|LimitOf|PermitOf|RetryPolicyOf|EgressPolicy|EgressCall)\./;
/** What the package makes itself, although its types lead to it. */
const OWN =
  /^(Brakes|Bucket|ClosedState|BreakerEvents|Upgrade|Family|ForwardRules|GatewayProcess|MetricsHandler)\b/;

describe('the types of options', () => {
  const members = givenMembers(['lib/index.ts', 'dashboards/index.ts', 'lib/gateway/index.ts']).filter(
    ({ name }) => !OWN.test(name),
  );

  it('are found', () => {
    const names = members.map(({ name }) => name);
    expect(names.length).to.be.above(400);
    expect(names).to.include.members([
      'ApiOptions.requiresBody',
      'ForwardOptions.pathFilter',
      'CacheOptions.key',
      'RateLimitOptions.unit',
      'BreakerDashboardOptions.onAction',
      'GatewayOptions.tokens',
    ]);
  });

  it('take undefined for everything that may be left out', () => {
    const refused = members.filter((member) => member.refusesUndefined && !IMPLEMENTED.test(member.name));
    expect(refused.map(({ name }) => name)).to.deep.equal([]);
  });

  it('take arrays that are readonly', () => {
    const mutable = members.filter(({ mutableArrays }) => mutableArrays.length > 0);
    expect(mutable.map(({ name, mutableArrays }) => [name, ...mutableArrays])).to.deep.equal([]);
  });
});
