import { ConfigurationError, type ErrorCode } from './errors.js';

/** A rule for one option: what it must be in words, and the test. */
export interface OptionRule {
  readonly expected: string;
  readonly test: (value: unknown) => boolean;
}

export const rules = {
  string: { expected: 'a non-empty string', test: (v) => typeof v === 'string' && v !== '' },
  boolean: { expected: 'true or false', test: (v) => typeof v === 'boolean' },
  function: { expected: 'a function', test: (v) => typeof v === 'function' },
  array: { expected: 'an array', test: (v) => Array.isArray(v) },
  object: { expected: 'an object', test: (v) => typeof v === 'object' && v !== null && !Array.isArray(v) },
} satisfies Record<string, OptionRule>;

/** An integer from `min` to `max`, both included. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): OptionRule {
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} and up` : `${min} to ${max}`;
  return {
    expected: `an integer from ${range}`,
    test: (v) => typeof v === 'number' && Number.isInteger(v) && v >= min && v <= max,
  };
}

export function oneOf(...values: readonly string[]): OptionRule {
  return {
    expected: `one of ${values.map((v) => `"${v}"`).join(', ')}`,
    test: (v) => values.includes(v as string),
  };
}

export function either(...alternatives: readonly OptionRule[]): OptionRule {
  return {
    expected: alternatives.map((rule) => rule.expected).join(' or '),
    test: (v) => alternatives.some((rule) => rule.test(v)),
  };
}

/**
 * Every mistake in `options`, one sentence each: wrong values, and unknown keys with the nearest known one.
 * A key whose value is `undefined` counts as absent.
 *
 * @param where - what the options belong to, e.g. ``@Worker('greet')``
 */
export function findProblems(
  where: string,
  options: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, OptionRule>>,
): string[] {
  const problems: string[] = [];
  for (const [key, value] of Object.entries(options)) {
    const rule = Object.hasOwn(known, key) ? known[key] : undefined;
    if (rule === undefined) {
      const nearest = didYouMean(key, Object.keys(known));
      problems.push(
        `${where}: unknown option \`${key}\`${nearest === undefined ? '' : `, did you mean \`${nearest}\`?`}`,
      );
    } else if (value !== undefined && !rule.test(value)) {
      problems.push(`${where}: expected \`${key}\` to be ${rule.expected}, got ${show(value)}`);
    }
  }
  return problems;
}

/** @throws ConfigurationError with all problems in its message, each once, when there are any */
export function throwProblems(found: readonly string[], code: ErrorCode = 'CONFIG_INVALID'): void {
  if (found.length === 0) return;
  // A variable for all workers that is wrong is found once for each of them.
  const problems = [...new Set(found)];
  const message =
    problems.length === 1 ? problems[0]! : `${problems.length} problems:\n- ${problems.join('\n- ')}`;
  throw new ConfigurationError(code, message, { details: { problems } });
}

/** What is longer is no slip of the fingers, and takes long to compare. */
const LONGEST_WORD = 100;

/** The candidate that differs least from `word`, when it is near enough to be a slip of the fingers. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > LONGEST_WORD) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    // The distance is no less than the difference of the lengths.
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}

/** A value as it stands in an error message: short, with its type. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.slice(0, 100))} (string)`;
  if (typeof value === 'function') return `function ${value.name === '' ? '(anonymous)' : value.name}`;
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return `${String(value)} (${typeof value})`;
}
