/** A text cut into what stands as it is and what is between `${` and `}`. */
export type Segment = { readonly literal: string } | { readonly expression: string };

/** What an expression stands for: any JSON value, `undefined` when there is none. */
export type Resolver = (expression: string) => unknown;

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

function substituteText(text: string, resolve: Resolver): unknown {
  if (!text.includes('${')) return text;
  const segments = splitExpressions(text);
  const first = segments[0];
  if (segments.length === 1 && first !== undefined && 'expression' in first) {
    return evaluate(first.expression, resolve) ?? null;
  }
  return segments
    .map((segment) =>
      'literal' in segment ? segment.literal : toText(evaluate(segment.expression, resolve)),
    )
    .join('');
}

function evaluate(expression: string, resolve: Resolver): unknown {
  const inner = expression.includes('${') ? toText(substituteText(expression, resolve)) : expression;
  return inner.trim() === '' ? '' : resolve(inner);
}

/** Cuts a text at its expressions; nested ones stay inside the outer one. */
export function splitExpressions(text: string): Segment[] {
  const segments: Segment[] = [];
  let literal = '';
  let at = 0;
  const flush = (): void => {
    if (literal !== '') segments.push({ literal });
    literal = '';
  };
  while (at < text.length) {
    if (text.startsWith('$${', at)) {
      const end = text.indexOf('}', at);
      const stop = end < 0 ? text.length : end + 1;
      literal += text.slice(at + 1, stop);
      at = stop;
      continue;
    }
    const end = text.startsWith('${', at) ? closingBrace(text, at + 2) : undefined;
    if (end === undefined) {
      literal += text[at];
      at += 1;
    } else {
      flush();
      segments.push({ expression: text.slice(at + 2, end) });
      at = end + 1;
    }
  }
  flush();
  return segments;
}

function closingBrace(text: string, from: number): number | undefined {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('${', at)) depth += 1;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  return undefined;
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
