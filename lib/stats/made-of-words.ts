/** Changes between letters and digits in the name of an operation, as twice in `V2And`, and how many pairs are usual. */
const MAX_CHANGES = 4;
const MIN_USUAL = 0.45;
/**
 * The pairs of letters that are three quarters of all in the words of documentation and code, by their first letter; of
 * random pairs they are a sixth.
 */
const PAIRS =
  'abcdgilmnprst bel caehkot dei eacdflmnprstx fio ge haeio icdefglmnostv ke laeiloy maeip nacdegiost ocdlmnoprstuw paelort raeiost scehiopstu taehiorst unrst ve wa';

const USUAL = usualPairs();

/**
 * Whether a name is made of words, as `getUserByIdV2AndReturnAll`: its letters follow one another as in words, and digits stand apart or
 * at few places.
 */
export function isMadeOfWords(segment: string): boolean {
  let pairs = 0;
  let usual = 0;
  let changes = 0;
  let last = -1;
  let wasDigit = false;
  let wasUpper = true;
  for (const character of segment) {
    const now = letter(character);
    const isDigit = character >= '0' && character <= '9';
    const isUpper = character < 'a';
    if ((isDigit && last >= 0) || (now >= 0 && wasDigit)) changes++;
    // Where a word begins within another, the pair says nothing.
    if (now >= 0 && last >= 0 && (wasUpper || !isUpper)) {
      pairs++;
      usual += USUAL[pairOf(last, now)] ?? 0;
    }
    last = now;
    wasDigit = isDigit;
    wasUpper = isUpper;
  }
  return changes <= MAX_CHANGES && usual > 0 && usual >= MIN_USUAL * pairs;
}

function usualPairs(): Uint8Array {
  const usual = new Uint8Array(26 * 26);
  for (const [first, ...seconds] of PAIRS.split(' ')) {
    for (const second of seconds) usual[pairOf(letter(first), letter(second))] = 1;
  }
  return usual;
}

/** From 0 to 25, in upper and lower case alike; negative for anything else. */
function letter(character = ''): number {
  const lower = character.charCodeAt(0) | 0x20;
  return lower >= 0x61 && lower <= 0x7a ? lower - 0x61 : -1;
}

function pairOf(first: number, second: number): number {
  return first * 26 + second;
}
