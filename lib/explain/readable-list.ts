const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED = '"(?:[\\t !#-[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"';
const METRIC = `${TOKEN}(?:[ \\t]*;[ \\t]*${TOKEN}(?:[ \\t]*=[ \\t]*(?:${TOKEN}|${QUOTED}))?)*`;

const STRING = '"(?:[ !#-[\\]-~]|\\\\["\\\\])*"';
const WORD = "[A-Za-z*][!#$%&'*+\\-.^_`|~0-9A-Za-z:/]*";
const BARE = `(?:${STRING}|${WORD}|-?[0-9]+(?:\\.[0-9]+)?|\\?[01]|:[A-Za-z0-9+/=]*:|@-?[0-9]+)`;
const MEMBER = `${BARE}(?:; *[a-z*][a-z0-9_.*-]*(?:=${BARE})?)*`;

const listOf = (member: string) => new RegExp(`^[ \\t]*${member}(?:[ \\t]*,[ \\t]*${member})*[ \\t]*$`);
const TIMINGS = listOf(METRIC);
const MEMBERS = listOf(MEMBER);

// Lines of one header are read as one list: an unclosed quote in one of them would swallow all that follow.

/** Whether a line of `Server-Timing` is valid (W3C Server Timing §4.1), and so does not break the lines after it. */
export function isTimingList(line: string): boolean {
  return TIMINGS.test(line);
}

/** Whether a line is a List of Items of RFC 9651, as `Cache-Status` and `Proxy-Status` are. */
export function isItemList(line: string): boolean {
  return MEMBERS.test(line);
}
