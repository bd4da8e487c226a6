import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { oneLine, printableLines } from '../../../src/core/printable.js';

/** Code points that a terminal or a reader must not get from outside. */
const UNSAFE: readonly [from: number, to: number][] = [
  [0, 0x1f],
  [0x7f, 0x9f],
  [0x61c, 0x61c],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2066, 0x2069],
  [0xfeff, 0xfeff],
];

function isUnsafe(text: string): boolean {
  return Array.from(text, (one) => one.codePointAt(0)!).some((code) =>
    UNSAFE.some(([from, to]) => code >= from && code <= to),
  );
}

/** Any text, with more of the unsafe characters than chance would bring. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer({ min: 0, max: 0x2070 }).map((code) => String.fromCodePoint(code)),
    ),
  )
  .map((parts) => parts.join(''));

describe('oneLine', () => {
  test.each<[string, string, string]>([
    ['plain text', 'Grüße, 世界 👩‍👩‍👧 – "quoted" \\n', 'Grüße, 世界 👩‍👩‍👧 – "quoted" \\n'],
    ['line breaks', 'a\nb\r\nc\td', 'a\\nb\\r\\nc\\td'],
    ['a colour', '\u001b[31mred', '\\u001b[31mred'],
    ['a control sequence of C1', '\u009b31mred\u0085', '\\u009b31mred\\u0085'],
    ['a title of the terminal', '\u001b]0;pwned\u0007', '\\u001b]0;pwned\\u0007'],
    ['text that is turned around', 'user\u202etxt.exe\u2066', 'user\\u202etxt.exe\\u2066'],
    ['separators', 'a\u2028b\u2029c\ufeff', 'a\\u2028b\\u2029c\\ufeff'],
    ['NUL and DEL', '\u0000\u007f', '\\u0000\\u007f'],
  ])('%s', (_title, text, expected) => {
    expect(oneLine(text)).toBe(expected);
  });

  it('leaves nothing unsafe of any text', () => {
    const property = fc.property(anyText, (text) => !isUnsafe(oneLine(text)));
    expect(fc.check(property, { seed: 1, numRuns: 500 })).toMatchObject({ failed: false });
  });
});

describe('printableLines', () => {
  it('keeps line breaks and tabs', () => {
    expect(printableLines('a\r\n\tb\rc\u001b[2J\u009b')).toBe('a\n\tb\\rc\\u001b[2J\\u009b');
  });

  it('leaves nothing else unsafe of any text', () => {
    const property = fc.property(anyText, (text) => !isUnsafe(printableLines(text).replace(/[\n\t]/g, '')));
    expect(fc.check(property, { seed: 1, numRuns: 500 })).toMatchObject({ failed: false });
  });
});
