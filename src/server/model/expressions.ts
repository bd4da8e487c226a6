/** A text cut into what stands as it is and what is between `${` and `}`. */
export type Segment = { readonly literal: string } | { readonly expression: string };

/** What an expression stands for: any JSON value, `undefined` when there is none. */
export type Resolver = (expression: string) => unknown;

/** Expressions nested deeper than this stay text: each level is a call on the stack. */
export const MAX_EXPRESSION_NESTING = 100;

/**
 * Replaces `${…}` in all strings of a value, deep; keys are left alone. A string that is exactly one expression
 * becomes the value itself (`null` when there is none), elsewhere the value is put in as text. `$${x}` comes out
 * as `${x}`. What an expression gives is not looked at again.
 */
export function substitute(value: unknown, resolve: Resolver): unknown {
  if (typeof value === 'string') return substituteText(value, resolve);
  if (Array.isArray(value)) return value.map((item) => substitute(item, resolve));
  if (typeof value !== 'object' || value === null) return value;
  return substituteMap(value as Record<string, unknown>, resolve);
}

export function substituteMap(
  map: Readonly<Record<string, unknown>>,
  resolve: Resolver,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(map)) {
    // An own property also for `__proto__`, which an assignment would not make.
    Object.defineProperty(result, key, {
      value: substitute(item, resolve),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return result;
}

/** Cuts a text at its expressions; nested ones stay inside the outer one. */
export function splitExpressions(text: string): Segment[] {
  return new ExpressionText(text)
    .parts(0, text.length)
    .map((part) =>
      typeof part === 'string' ? { literal: part } : { expression: text.slice(part.from, part.to) },
    );
}

/** The expressions of a text that hold no other one: what is around those depends on the data. */
export function innermostExpressions(text: string): string[] {
  return new ExpressionText(text).innermost(0, text.length);
}

function substituteText(text: string, resolve: Resolver): unknown {
  if (!text.includes('${')) return text;
  return new ExpressionText(text).evaluate(0, text.length, resolve);
}

/** The inside of an expression, braces left out. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * A text whose braces have been matched, once for the whole of it. Whatever it holds, reading it takes time in
 * proportion to its length: a brace is never looked for again, and the inside of an expression is not copied.
 */
class ExpressionText {
  readonly #text: string;
  /** For each `${` that is closed: where its `}` is. */
  readonly #closers: ReadonlyMap<number, number>;

  constructor(text: string) {
    this.#text = text;
    this.#closers = matchBraces(text);
  }

  /** The value of a single expression, otherwise a text. */
  evaluate(from: number, to: number, resolve: Resolver): unknown {
    const parts = this.parts(from, to);
    const [first] = parts;
    if (parts.length === 1 && typeof first === 'object') return this.#valueOf(first, resolve) ?? null;
    return parts
      .map((part) => (typeof part === 'string' ? part : toText(this.#valueOf(part, resolve))))
      .join('');
  }

  #valueOf({ from, to }: Range, resolve: Resolver): unknown {
    const inner = toText(this.evaluate(from, to, resolve));
    return inner.trim() === '' ? '' : resolve(inner);
  }

  innermost(from: number, to: number): string[] {
    return this.parts(from, to).flatMap((part) => {
      if (typeof part === 'string') return [];
      const inner = this.#text.slice(part.from, part.to);
      return inner.includes('${') ? this.innermost(part.from, part.to) : [inner];
    });
  }

  parts(from: number, to: number): (string | Range)[] {
    const text = this.#text;
    const parts: (string | Range)[] = [];
    const literals: string[] = [];
    const flush = (): void => {
      const literal = literals.splice(0).join('');
      if (literal !== '') parts.push(literal);
    };
    let at = from;
    while (at < to) {
      const dollar = text.indexOf('$', at);
      if (dollar < 0 || dollar >= to) {
        literals.push(text.slice(at, to));
        break;
      }
      literals.push(text.slice(at, dollar));
      at = dollar;
      const end = this.#closers.get(at);
      if (text.startsWith('$${', at)) {
        const brace = text.indexOf('}', at);
        const stop = brace < 0 || brace >= to ? to : brace + 1;
        literals.push(text.slice(at + 1, stop));
        at = stop;
      } else if (end !== undefined && end < to) {
        flush();
        parts.push({ from: at + 2, to: end });
        at = end + 1;
      } else {
        literals.push('$');
        at += 1;
      }
    }
    flush();
    return parts;
  }
}

function matchBraces(text: string): Map<number, number> {
  const closers = new Map<number, number>();
  const open: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '$' && text[at + 1] === '{') open.push(at);
    else if (text[at] === '}') {
      const opener = open.pop();
      if (opener !== undefined && open.length < MAX_EXPRESSION_NESTING) closers.set(opener, at);
    }
  }
  return closers;
}

/** A value as the real server writes it into a text: `[1, 2]`, `{a=1, b=x}`, `null`. */
export function toText(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map(toText).join(', ')}]`;
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([key, item]) => `${key}=${toText(item)}`)
      .join(', ')}}`;
  }
  return String(value);
}
