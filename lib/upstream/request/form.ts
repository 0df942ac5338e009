/** How a client has written the items of a list: `a=1&a=2`, `a[]=1&a[]=2` or `a[0]=1&a[1]=2`. */
type ListStyle = 'repeated' | 'brackets' | 'indices';

const STYLES: readonly ListStyle[] = ['repeated', 'brackets', 'indices'];

/** Name and value of a field; the name in its parts, all but the first of which stand in brackets. */
type Field = readonly [name: readonly string[], value: string];

/**
 * Writes what a parser has made of a form. How lists were written it does not say, and targets differ in what they read
 * as a list: the length of what the client sent says it.
 * @param length of the client's form in bytes, if that is known
 * @returns `undefined` where it cannot be told, or where a name cannot be written
 */
export function formEncoded(form: object, length: number | undefined): string | undefined {
  const plain = fieldsOf(form, undefined);
  if (plain) return written(plain);
  if (length === undefined) return undefined;
  const fitting = STYLES.flatMap((style) => {
    const fields = fieldsOf(form, style);
    return fields && fits(fields, length) ? [written(fields)] : [];
  });
  // Lists of objects are written in one way only.
  const [found, ...others] = new Set(fitting);
  return others.length === 0 ? found : undefined;
}

/** @returns `undefined` for a list without a style, or one that has no such style */
function fieldsOf(form: object, style: ListStyle | undefined): Field[] | undefined {
  const fields: Field[] = [];
  const add = (name: readonly string[], value: unknown): boolean => {
    if (Array.isArray(value)) {
      // A single field of that name would not be a list.
      if (!style || (style === 'repeated' && value.length < 2)) return false;
      return value.every((item, i) => {
        if (typeof item === 'object' && item !== null) return add([...name, String(i)], item);
        const suffix = style === 'repeated' ? [] : [style === 'brackets' ? '' : String(i)];
        return add([...name, ...suffix], item);
      });
    }
    if (typeof value !== 'object' || value === null) {
      fields.push([name, String(value ?? '')]);
      return true;
    }
    return Object.entries(value).every(([key, inner]) => !/[[\]]/.test(key) && add([...name, key], inner));
  };
  const whole = Object.entries(form).every(([name, value]) => add([name], value));
  return whole ? fields : undefined;
}

function written(fields: readonly Field[]): string {
  return new URLSearchParams(
    fields.map(([name, value]): [string, string] => [nameOf(name), value]),
  ).toString();
}

const nameOf = ([first = '', ...rest]: Field[0]) => first + rest.map((part) => `[${part}]`).join('');

/** A way in which clients escape text, and whether they escape brackets as well. */
type Escaping = readonly [escaped: (text: string) => string, brackets: 'escaped' | 'plain'];

const ESCAPINGS: readonly Escaping[] = [
  // Browsers, URLSearchParams.
  [(text) => new URLSearchParams([['', text]]).toString().slice(1), 'escaped'],
  // Node's querystring, axios.
  [encodeURIComponent, 'escaped'],
  // qs, which some SDKs leave the brackets to.
  [rfc3986, 'escaped'],
  [rfc3986, 'plain'],
  [encodeURIComponent, 'plain'],
  // Python, PHP.
  [(text) => rfc3986(text).replaceAll('%20', '+'), 'escaped'],
  [(text) => rfc3986(text).replaceAll('%20', '+').replaceAll('~', '%7E'), 'escaped'],
  // By hand, for curl.
  [(text) => Buffer.from(text).toString('latin1'), 'plain'],
];

function rfc3986(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
}

/** Whether a client that wrote these fields may have sent so many bytes. */
function fits(fields: readonly Field[], length: number): boolean {
  const pairs = fields.reduce((sum, [name]) => sum + name.length - 1, 0);
  return ESCAPINGS.some(([escaped, brackets]) => {
    // A `=` for each and a `&` between them, and the brackets.
    let bytes = 2 * fields.length - 1 + pairs * (brackets === 'plain' ? 2 : 6);
    for (const [name, value] of fields) {
      for (const part of name) bytes += escaped(part).length;
      bytes += escaped(value).length;
    }
    return bytes === length;
  });
}
