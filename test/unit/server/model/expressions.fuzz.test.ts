import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitExpressions, substitute, toText } from '../../../../src/server/model/expressions.js';
import { MAX_LOOKS, parseJsonPath, readJsonPath } from '../../../../src/server/model/json-path.js';

const resolve = (expression: string): unknown => `<${expression}>`;

/** What the parser does, written down as simply as can be: it looks for each brace again. */
function simpleSubstitute(text: string): unknown {
  const parts: (string | { expression: string })[] = [];
  let at = 0;
  const add = (literal: string): void => {
    const last = parts.at(-1);
    if (typeof last === 'string') parts[parts.length - 1] = last + literal;
    else parts.push(literal);
  };
  while (at < text.length) {
    if (text.startsWith('$${', at)) {
      const end = text.indexOf('}', at);
      const stop = end < 0 ? text.length : end + 1;
      add(text.slice(at + 1, stop));
      at = stop;
      continue;
    }
    const end = text.startsWith('${', at) ? closingBrace(text, at + 2) : undefined;
    if (end === undefined) add(text[at++]!);
    else {
      parts.push({ expression: text.slice(at + 2, end) });
      at = end + 1;
    }
  }
  const valueOf = (expression: string): unknown => {
    const inner = expression.includes('${') ? toText(simpleSubstitute(expression)) : expression;
    return inner.trim() === '' ? '' : resolve(inner);
  };
  const [first] = parts;
  if (parts.length === 1 && typeof first === 'object') return valueOf(first.expression);
  return parts.map((part) => (typeof part === 'string' ? part : toText(valueOf(part.expression)))).join('');
}

function closingBrace(text: string, from: number): number | undefined {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('${', at)) depth += 1;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  return undefined;
}

const tokens = (...all: string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...all), { maxLength: 14 }).map((list) => list.join(''));
const expressionText = tokens('${', '$${', '$', '{', '}', 'a', '.b', ' ', 'ü');
const pathText = tokens(
  'a',
  'b',
  '.',
  '..',
  '[',
  ']',
  '*',
  '0',
  '-1',
  ',',
  ':',
  "'",
  '"',
  '(',
  ')',
  '()',
  ' ',
  '?',
);

describe('expressions', () => {
  it('mean what a simple reading of them says', () => {
    fc.assert(
      fc.property(expressionText, (text) => {
        expect(substitute(text, resolve)).toEqual(simpleSubstitute(text));
      }),
      { seed: 1, numRuns: 5_000 },
    );
  });

  it('lose nothing when they are split', () => {
    fc.assert(
      fc.property(expressionText, (text) => {
        const joined = splitExpressions(text)
          .map((segment) => ('literal' in segment ? segment.literal : `\${${segment.expression}}`))
          .join('');
        expect(joined.length).toBeLessThanOrEqual(text.length);
        if (!text.includes('$${')) expect(joined).toBe(text);
      }),
      { seed: 2, numRuns: 2_000 },
    );
  });

  it('of any pattern take time in proportion to their length', () => {
    fc.assert(
      fc.property(
        expressionText.filter((text) => text !== ''),
        (pattern) => {
          const text = pattern.repeat(Math.ceil(300_000 / pattern.length));
          const from = performance.now();
          substitute(text, () => 'x');
          // Looking for each brace again takes minutes for this.
          expect(performance.now() - from).toBeLessThan(5_000);
        },
      ),
      { seed: 3, numRuns: 40 },
    );
  });
});

describe('paths', () => {
  const BRACKET =
    /^\[\s*(\*|-?\d+(?:\s*,\s*-?\d+)*|(?:-?\d+)?\s*:\s*(?:-?\d+)?|'[^']*'(?:\s*,\s*'[^']*')*|"[^"]*"(?:\s*,\s*"[^"]*")*)\s*\]$/;

  it('have in brackets what a pattern for them says', () => {
    const inner = tokens('*', '1', '-2', ',', ':', "'a'", '"b c"', "'", ' ', '-', '\t');
    fc.assert(
      fc.property(inner, (text) => {
        const bracket = `[${text}]`;
        expect(parseJsonPath(`r${bracket}`) !== undefined, bracket).toBe(BRACKET.test(bracket));
      }),
      { seed: 4, numRuns: 5_000 },
    );
  });

  it('give a value or nothing for any document, and never throw', () => {
    fc.assert(
      fc.property(pathText, fc.jsonValue({ maxDepth: 5 }), (text, document) => {
        const path = parseJsonPath(`r${text}`);
        expect(() => path && readJsonPath(path, document)).not.toThrow();
      }),
      { seed: 5, numRuns: 5_000 },
    );
  });

  it('of any pattern take time in proportion to their length', () => {
    const document: unknown = JSON.parse(`${'[{"a":'.repeat(400)}1${'}]'.repeat(400)}`);
    fc.assert(
      fc.property(
        pathText.filter((text) => text !== ''),
        (pattern) => {
          const text = `r${pattern.repeat(Math.ceil(200_000 / pattern.length))}`;
          const from = performance.now();
          const path = parseJsonPath(text);
          if (path !== undefined) readJsonPath(path, document);
          expect(performance.now() - from).toBeLessThan(5_000);
        },
      ),
      { seed: 6, numRuns: 60 },
    );
  });

  it('find nothing beyond a number of looks', () => {
    const wide = { list: Array.from({ length: MAX_LOOKS / 2 }, (_, index) => index) };
    expect(readJsonPath(parseJsonPath('r.list[*]')!, wide)).toHaveLength(MAX_LOOKS / 2);
    expect(readJsonPath(parseJsonPath('r..*')!, wide)).toBeUndefined();
  });
});
