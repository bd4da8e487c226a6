/** `$.name`, `$['name']`, and the same once more behind it. A longer name, as with letters beyond ASCII, is not cut off. */
const END = String.raw`(?![\w$\\\u0080-\uffff])`;
const STEP = String.raw`(?:\.([A-Za-z_]\w*)${END}|\['([^'\\]*)'\]|\["([^"\\]*)"\])`;
const REFERENCE = new RegExp(String.raw`\$${STEP}${STEP}?`, 'g');
/** Ways to reach the input without naming it. */
const INDIRECT = /\b(?:this|globalThis|eval|Function|constructor)\b|\\/;

/**
 * What of its input a script reads, where that can be seen in its text; otherwise the whole input. The condition of a loop
 * is evaluated after each iteration, and its input has the output of every iteration so far.
 */
export function inputForScript(expression: string, input: unknown): unknown {
  if (!isPlain(input) || INDIRECT.test(expression)) return input;
  if (expression.replaceAll(REFERENCE, '').includes('$')) return input;
  const needed = new Map<string, Map<string, unknown> | undefined>();
  for (const [, a, b, c, d, e, f] of expression.matchAll(REFERENCE)) {
    const [name, property] = [a ?? b ?? c ?? '', d ?? e ?? f];
    // A method such as `hasOwnProperty` looks at everything.
    if (!Object.hasOwn(input, name)) return input;
    const value = input[name];
    const isPart = property !== undefined && isPlain(value) && Object.hasOwn(value, property);
    const parts = needed.has(name) ? needed.get(name) : new Map<string, unknown>();
    needed.set(name, isPart ? parts?.set(property, value[property]) : undefined);
  }
  return Object.fromEntries(
    [...needed].map(([name, parts]) => [name, parts === undefined ? input[name] : Object.fromEntries(parts)]),
  );
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
