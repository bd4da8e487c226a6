/**
 * Control characters (C0, DEL, C1), line and paragraph separators, marks that turn the direction of text, and the byte
 * order mark: what moves the cursor of a terminal, forges a line of a log, or shows text as something else.
 */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u{feff}]/gu;

/** A text from outside for one line of a terminal or a log: what is unsafe there is shown as `\n` or `\u001b`. */
export function oneLine(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** The same for a text of several lines, which stay lines: `\n` and tabs are kept, `\r\n` is a line break. */
export function printableLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(UNSAFE, (character) =>
      character === '\n' || character === '\t' ? character : escaped(character),
    );
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  return SHORT[character] ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;
}
