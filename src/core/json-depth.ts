const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENERS = new Set([0x5b, 0x7b]);
const CLOSERS = new Set([0x5d, 0x7d]);

/**
 * Whether arrays and objects are nested deeper than `maxDepth` in a JSON text. Looked at before it is parsed: parsing goes
 * well at any depth, but whatever walks the value afterwards by calling itself would run out of stack.
 */
export function isNestedDeeper(text: string, maxDepth: number): boolean {
  // So many brackets are needed at least.
  if (text.length <= maxDepth) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at + 1);
    else if (OPENERS.has(code) && ++depth > maxDepth) return true;
    else if (CLOSERS.has(code)) depth -= 1;
  }
  return false;
}

function endOfString(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return text.length;
}
