const MASK = '***';

// Matched against names in lower case with letters and digits only: `X-Amz-Signature` is `xamzsignature`.
const SECRET_NAME = new RegExp(
  `(?:${[
    'key|token|passw(?:or)?d|pwd|passphrase|passcode|pincode|secret|signature|credentials?|jwt|assertion|bearer',
    'session(?:id)?|sessid|otp|otpcode|codeverifier|idtokenhint|cookie|hmac|csrf|xsrf|^creds|^pw',
    '(?:access|device|verification|confirmation|security|login|reset|invite|recovery|backup|mfa|sms)code',
    '^sig|^apisig|^o?auth(?!or(?!i[sz]))\\w*|^code|^sid|^pass|^userpass|^pin|^mfa|^tan|^cv[cv]2?|^appid|^saml(?:request|response)',
  ].join('|')})$`,
);

/**
 * Whether a header or parameter of this name, in any spelling, is likely to hold a secret. Of `user[tokens][0]` and
 * `auth.0` each part counts: frameworks write lists and objects so.
 */
export function isSecretName(name: string): boolean {
  const plain = decoded(name).toLowerCase();
  if (isSecretWord(plain)) return true;
  return /[[\].]/.test(plain) && plain.split(/[[\].]+/).some(isSecretWord);
}

function isSecretWord(name: string): boolean {
  const word = name.replace(/[^a-z0-9]/g, '');
  // Of several the number is behind the name: `token0`, `key_2`. Looked for where digits begin, and not at each of
  // them: a name may be all digits and as long as a request line.
  return SECRET_NAME.test(word) || SECRET_NAME.test(word.replace(/(?<!\d)\d+$/, ''));
}

/** Formats that vendors gave their keys so that scanners find them. */
const KNOWN_VALUES = new RegExp(
  [
    // JSON Web Tokens.
    '(?<![\\w-])eyJ[\\w-]{8,}\\.[\\w-]+(?:\\.[\\w-]*)?',
    // GitHub, GitLab, npm, Slack, Stripe, OpenAI and others, SendGrid, Google, AWS.
    '\\bgh[oprsu]_\\w{20,}|\\bgithub_pat_\\w{20,}|\\bglpat-[\\w-]{16,}|\\bnpm_\\w{20,}|\\bxox[a-z]-[\\w-]{10,}',
    '\\b[prs]k_(?:live|test)_\\w{8,}|\\bsk-[\\w-]{16,}|\\bSG\\.[\\w-]{16,}\\.[\\w-]{16,}',
    '\\bAIza[\\w-]{30,}|\\b(?:AKIA|ASIA)[0-9A-Z]{16}\\b',
    // Hugging Face, DigitalOcean, tickets of CAS.
    '\\bhf_[A-Za-z0-9]{20,}|\\bdo[opr]_v1_[0-9a-f]{20,}|\\b(?:ST|PT|TGT|PGT)-\\d{1,10}-[\\w.-]{8,}',
  ].join('|'),
  'g',
);

/** `/bot123:TOKEN/` of Telegram, and whatever else is a number with a token behind a colon. */
const NUMBERED_TOKEN = /(\/bot\d{1,20}(?::|%3a)|\/\d{4,20}(?::|%3a)(?=[\w-]{0,200}[a-z]))[^/?#]+/gi;
/** A parameter of a segment: `/users;token=a/`. */
const SEGMENT_PARAMETER = /([/;,]([^/;,=?#]{1,80})=)([^/;,?#]+)/g;
/** A parameter of a URL within a parameter, of one within that, and so on: `%3Ftoken%3D`, `%253Ftoken%253D`. */
const ENCODED_PARAMETERS = [0, 1, 2].map((level) => {
  const percent = `%(?:25){${level}}`;
  const end = `(?:25){0,${level}}(?:26|3b|23)`;
  return new RegExp(
    `(${percent}(?:3f|26|3b|23)([^%&;=]{1,80})${percent}3d)(?:%(?!${end})[0-9a-f]{2}|[^%&;])+`,
    'gi',
  );
});
/** The same where nobody encoded it: `?next=/a?token=b`. */
const NESTED_PARAMETER = /([?#]([^?#=]{1,80})=)[^?#]+/g;
/** A text in JSON, as in the variables of GraphQL: `{"token":"a"}`. */
const JSON_PROPERTY =
  /((?:%22|")([^%"&;]{1,80})(?:%22|")(?:%20|\+)?(?::|%3a)(?:%20|\+)?(?:%22|"))((?:%(?!22)[0-9a-f]{2}|[^%"&;])+)/gi;
/** A credential with its scheme: `Bearer%20a`. */
const ENCODED_SCHEME = /(?<![a-z])((?:bearer|basic)(?:%20|\+))[^&;%\s"]{8,}/gi;
/** What is secret behind a segment that says so: `/reset-password/8fj2k…`, `/hooks/T0/B0/x7f…`. */
const TELLING_SEGMENT = /^(?:web)?hooks?$|^webhookb2$/;
/** A webhook of Slack, whose path says nothing: `/services/T…/B…/x7f…`. */
const SLACK_HOOK = /(\/services\/T\w{1,30}\/B\w{1,30}\/)[^/?#]+/g;
const HOOK_DEPTH = 3;

/** A query, without its question mark, with the values of secret parameters masked. */
export function redactQuery(query: string, mask = MASK): string {
  const masked = (all: string, before: string, name: string) => (isSecretName(name) ? before + mask : all);
  const named = query.replace(/[^&;]+/g, (parameter) => {
    const equals = parameter.indexOf('=');
    return equals > 0 && isSecretName(parameter.slice(0, equals))
      ? `${parameter.slice(0, equals)}=${mask}`
      : parameter.replace(NESTED_PARAMETER, masked);
  });
  return ENCODED_PARAMETERS.reduce((text, parameter) => text.replace(parameter, masked), named)
    .replace(JSON_PROPERTY, masked)
    .replace(ENCODED_SCHEME, `$1${mask}`)
    .replace(KNOWN_VALUES, mask);
}

/** A path without query, with what is likely a secret in it masked. */
export function redactSegments(path: string, mask = MASK): string {
  const plain = path
    .replace(NUMBERED_TOKEN, `$1${mask}`)
    .replace(SLACK_HOOK, `$1${mask}`)
    .replace(SEGMENT_PARAMETER, (all, before: string, name: string) =>
      isSecretName(name) ? before + mask : all,
    )
    .replace(KNOWN_VALUES, mask);
  const segments = plain.split('/');
  return segments.map((segment, i) => (isAnnounced(segments, i) ? mask : segment)).join('/');
}

/** Whether a segment looks random, and one before it says that a secret follows. */
function isAnnounced(segments: readonly string[], at: number): boolean {
  const segment = segments[at] ?? '';
  if (segment.length < 12 || !/\d/.test(segment) || !/[a-z]/i.test(segment) || /[.*]/.test(segment))
    return false;
  if (isSecretName(segments[at - 1] ?? '')) return true;
  return segments.slice(Math.max(0, at - HOOK_DEPTH), at).some((one) => TELLING_SEGMENT.test(one));
}

/** Whether a segment of a path holds a secret by its form alone. */
export const isSecretSegment = (segment: string): boolean =>
  redactSegments(`/${segment}`, '') !== `/${segment}`;

/** A text with user and password of the URLs in it masked. */
export function withoutUser(text: string, mask = MASK): string {
  // Up to the last @: a password may have one that nobody encoded.
  return text.replace(/:\/\/[^/?#\s]*@/g, `://${mask}@`);
}

/** Path, query and fragment of a request, safe for a log. */
export function redactPath(path: string, mask = MASK): string {
  // What is behind a # has parameters too, as the token of OAuth's implicit flow.
  const start = path.search(/[?#]/);
  if (start < 0) return redactSegments(withoutUser(path, mask), mask);
  const segments = redactSegments(withoutUser(path.slice(0, start), mask), mask);
  return `${segments}${path[start]}${withoutUser(redactQuery(path.slice(start + 1), mask), mask)}`;
}

const SCHEME = /\b(bearer|basic|negotiate)(\s+)[^\s,;"']{8,}/gi;
/** A field that holds a credential, whatever its scheme is: `Authorization: Token a`, `"x-api-key": "a"`. */
const FIELD_IN_TEXT =
  /\b((?:proxy-)?authorization|(?:set-)?cookie|[\w-]{0,40}-(?:key|token|secret))(["']?\s?[:=]\s?["']?)(?:(bearer|basic|negotiate)\s)?[^\s"',][^"'\r\n,]*/gi;
const URL_IN_TEXT = /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"'<>]+/gi;

/** A text for a log, as the message of an error: without credentials of URLs, of fields, behind schemes and of known formats. */
export function redactText(text: string, mask = MASK): string {
  return text
    .replace(URL_IN_TEXT, (url) => redactPath(url, mask))
    .replace(FIELD_IN_TEXT, (_all, name: string, between: string, scheme: string | undefined) =>
      [name, between, scheme && `${scheme} `, mask].join(''),
    )
    .replace(SCHEME, `$1$2${mask}`)
    .replace(KNOWN_VALUES, mask);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
