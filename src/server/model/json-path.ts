/** One step of a path below its root. */
type Step =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'indexes'; readonly indexes: readonly number[] }
  | { readonly kind: 'slice'; readonly from: number | undefined; readonly to: number | undefined }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'descend' }
  /** Behind `..` each object has been reached already, so that lists are not looked into once more. */
  | { readonly kind: 'filter'; readonly filter: Filter; readonly isBehindDescent: boolean }
  | { readonly kind: 'function'; readonly name: PathFunction };

/** A compiled JsonPath: the name of the root and what follows. */
export interface JsonPath {
  readonly root: string;
  readonly steps: readonly Step[];
}

/** What stands between `[?(` and `)]`. */
type Filter =
  | { readonly kind: 'and' | 'or'; readonly all: readonly Filter[] }
  | { readonly kind: 'not'; readonly inner: Filter }
  | { readonly kind: 'exists'; readonly operand: PathOperand }
  | {
      readonly kind: 'compare';
      readonly left: Operand;
      readonly operator: FilterOperator;
      readonly right: Operand;
    };
type Operand = PathOperand | { readonly kind: 'literal'; readonly value: unknown };
/** `@…` begins at the item that the filter looks at, `$…` at the whole document. */
interface PathOperand {
  readonly kind: 'path';
  readonly from: '@' | '$';
  readonly steps: readonly Step[];
}

const FUNCTIONS = {
  length: sizeOf,
  size: sizeOf,
  keys: (value: unknown) => (isMap(value) ? Object.keys(value) : undefined),
  first: (value: unknown) => (Array.isArray(value) ? value[0] : undefined),
  last: (value: unknown) => (Array.isArray(value) ? value.at(-1) : undefined),
  sum: (value: unknown) => aggregate(value, (all) => all.reduce((a, b) => a + b, 0)),
  min: (value: unknown) => aggregate(value, (all) => all.reduce((a, b) => Math.min(a, b))),
  max: (value: unknown) => aggregate(value, (all) => all.reduce((a, b) => Math.max(a, b))),
  avg: (value: unknown) => aggregate(value, average),
  stddev: (value: unknown) => aggregate(value, deviation),
};
type PathFunction = keyof typeof FUNCTIONS;
/** Functions that give `null` where they have nothing to work on. Any other ends the whole path. */
const LENIENT: ReadonlySet<PathFunction> = new Set(['length', 'size', 'keys']);

const OPERATORS = {
  '==': isEqual,
  '!=': (left, right, budget) => !isEqual(left, right, budget),
  '===': (left, right, budget) => kindOf(left) === kindOf(right) && isEqual(left, right, budget),
  '!==': (left, right, budget) => kindOf(left) !== kindOf(right) || !isEqual(left, right, budget),
  '<': (left, right, budget) => compare(left, right, budget, (order) => order < 0),
  '<=': (left, right, budget) => compare(left, right, budget, (order) => order <= 0),
  '>': (left, right, budget) => compare(left, right, budget, (order) => order > 0),
  '>=': (left, right, budget) => compare(left, right, budget, (order) => order >= 0),
  in: (left, right, budget) => Array.isArray(right) && includes(right, left, budget),
  nin: (left, right, budget) => Array.isArray(right) && !includes(right, left, budget),
  contains: (left, right, budget) => {
    spendOn(left, budget);
    if (typeof left === 'string') return typeof right === 'string' && left.includes(right);
    return Array.isArray(left) && includes(left, right, budget);
  },
  size: (left, right) => (Array.isArray(left) || typeof left === 'string') && left.length === right,
  empty: (left, right, budget) => {
    spendOn(left, budget);
    const size = typeof left === 'string' ? left.length : sizeOf(left);
    return size !== undefined && (size === 0) === right;
  },
  anyof: (left, right, budget) =>
    Array.isArray(left) && Array.isArray(right) && left.some((item) => includes(right, item, budget)),
  noneof: (left, right, budget) =>
    Array.isArray(left) && Array.isArray(right) && !left.some((item) => includes(right, item, budget)),
  subsetof: (left, right, budget) =>
    Array.isArray(left) && Array.isArray(right) && left.every((item) => includes(right, item, budget)),
} as const satisfies Record<string, (left: unknown, right: unknown, budget: Budget) => boolean>;
type FilterOperator = keyof typeof OPERATORS;

const NAME = /[^.[\]()]+/y;
/** In a filter a name ends where an operator may begin. */
const NAME_IN_FILTER = /[^.[\]()\s<>=!&|,]+/y;
const SPACES = /\s*/y;
const INTEGER = /-?\d+/y;
const NUMBER = /-?\d*\.?\d+(?:[eE][+-]?\d+)?/y;
const WORD = /[a-zA-Z]+/y;
const OPERATOR = /[<>=!~]+|[a-zA-Z]+/y;
/** So many names or indexes may stand in one pair of brackets. */
const MAX_LIST = 100;
/** Filters in filters and parentheses in parentheses, each deeper than the last, end here. */
const MAX_NESTING = 50;
/**
 * So many values are looked at for one path. Each step of `a[0,0][0,0]…` or `a..*..*` can multiply what the step before
 * has found: a path that goes beyond finds nothing.
 */
export const MAX_LOOKS = 1_000_000;

/** Something that Jayway's JsonPath can do and this one does not support. */
export class UnsupportedPathError extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'UnsupportedPathError';
  }
}

/**
 * Compiles a path such as `ref.output.items[0]['a b']..x[?(@.n > 1 && @.kind == 'a')].y`.
 *
 * @returns `undefined` when it is not a path that this server understands
 */
export function parseJsonPath(text: string): JsonPath | undefined {
  try {
    return compileJsonPath(text);
  } catch (error) {
    if (error instanceof UnsupportedPathError) return undefined;
    throw error;
  }
}

/**
 * Like {@link parseJsonPath}.
 *
 * @throws UnsupportedPathError for a filter with a regular expression (`=~`)
 */
export function compileJsonPath(text: string): JsonPath | undefined {
  return new PathParser(text).parse();
}

/** Reads a path from left to right, without ever going back: in time proportional to its length. */
class PathParser {
  readonly #text: string;
  #at = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonPath | undefined {
    const root = this.#match(NAME);
    if (root === undefined) return undefined;
    const steps = this.#steps(NAME);
    return steps === undefined || this.#at < this.#text.length ? undefined : { root, steps };
  }

  /** As many steps as follow. */
  #steps(name: RegExp): Step[] | undefined {
    const steps: Step[] = [];
    for (;;) {
      if (this.#text[this.#at] === '[') {
        const step = this.#bracket(steps.at(-1)?.kind === 'descend');
        if (step === undefined) return undefined;
        steps.push(step);
      } else if (this.#take('.')) {
        const isDescent = this.#take('.');
        if (isDescent) steps.push({ kind: 'descend' });
        if (isDescent && this.#text[this.#at] === '[') continue;
        const step = this.#named(name);
        if (step === undefined) return undefined;
        steps.push(step);
      } else return steps;
    }
  }

  #named(pattern: RegExp): Step | undefined {
    const name = this.#match(pattern);
    if (name === undefined) return undefined;
    if (!this.#take('()')) return name === '*' ? { kind: 'wildcard' } : { kind: 'names', names: [name] };
    return Object.hasOwn(FUNCTIONS, name) ? { kind: 'function', name: name as PathFunction } : undefined;
  }

  #bracket(isDescent: boolean): Step | undefined {
    this.#at += 1;
    this.#skipSpaces();
    const step = this.#inBrackets(isDescent);
    this.#skipSpaces();
    return step !== undefined && this.#take(']') ? step : undefined;
  }

  #inBrackets(isDescent: boolean): Step | undefined {
    if (this.#take('*')) return { kind: 'wildcard' };
    if (this.#take('?')) {
      const filter = this.#text[this.#at] === '(' ? this.#parenthesized() : undefined;
      return filter === undefined ? undefined : { kind: 'filter', filter, isBehindDescent: isDescent };
    }
    const quote = this.#text[this.#at];
    if (quote === "'" || quote === '"') {
      const names = this.#list(() => (this.#text[this.#at] === quote ? this.#quoted() : undefined));
      return names === undefined ? undefined : { kind: 'names', names };
    }
    const from = this.#integer();
    this.#skipSpaces();
    if (this.#take(':')) {
      this.#skipSpaces();
      return { kind: 'slice', from, to: this.#integer() };
    }
    if (from === undefined) return undefined;
    const indexes = this.#list(() => this.#integer(), from);
    return indexes === undefined ? undefined : { kind: 'indexes', indexes };
  }

  /** One or several with commas between them. @param first - read already */
  #list<T>(read: () => T | undefined, first: T | undefined = read()): T[] | undefined {
    const items: T[] = [];
    for (let item = first; ; item = read()) {
      if (item === undefined) return undefined;
      if (items.push(item) > MAX_LIST) return undefined;
      this.#skipSpaces();
      if (!this.#take(',')) return items;
      this.#skipSpaces();
    }
  }

  #parenthesized(): Filter | undefined {
    if (!this.#take('(') || ++this.#nesting > MAX_NESTING) return undefined;
    const filter = this.#joined('||', () => this.#joined('&&', () => this.#term()));
    this.#nesting -= 1;
    this.#skipSpaces();
    return filter !== undefined && this.#take(')') ? filter : undefined;
  }

  #joined(operator: '&&' | '||', read: () => Filter | undefined): Filter | undefined {
    const all: Filter[] = [];
    do {
      const filter = read();
      if (filter === undefined) return undefined;
      all.push(filter);
      this.#skipSpaces();
    } while (this.#take(operator));
    return all.length === 1 ? all[0] : { kind: operator === '&&' ? 'and' : 'or', all };
  }

  #term(): Filter | undefined {
    let isNegated = false;
    for (this.#skipSpaces(); this.#take('!'); this.#skipSpaces()) isNegated = !isNegated;
    const filter = this.#text[this.#at] === '(' ? this.#parenthesized() : this.#comparison();
    return filter !== undefined && isNegated ? { kind: 'not', inner: filter } : filter;
  }

  #comparison(): Filter | undefined {
    const left = this.#operand();
    if (left === undefined) return undefined;
    this.#skipSpaces();
    const symbol = this.#match(OPERATOR);
    if (symbol === undefined) return left.kind === 'path' ? { kind: 'exists', operand: left } : undefined;
    if (symbol === '=~') throw new UnsupportedPathError('a regular expression (=~) in a JsonPath filter');
    const operator = symbol.toLowerCase();
    if (!Object.hasOwn(OPERATORS, operator)) return undefined;
    this.#skipSpaces();
    const right = this.#operand();
    return right && { kind: 'compare', left, operator: operator as FilterOperator, right };
  }

  #operand(): Operand | undefined {
    const sign = this.#text[this.#at];
    if (sign === '@' || sign === '$') {
      this.#at += 1;
      const steps = this.#steps(NAME_IN_FILTER);
      return steps && { kind: 'path', from: sign, steps };
    }
    const value = this.#literal();
    return value === undefined ? undefined : { kind: 'literal', value };
  }

  #literal(): unknown {
    const first = this.#text[this.#at];
    if (first === "'" || first === '"') return this.#quoted();
    if (first === '[') return this.#listLiteral();
    const number = this.#match(NUMBER);
    if (number !== undefined) return Number(number);
    const word = this.#match(WORD);
    return word === 'null' ? null : word === 'true' ? true : word === 'false' ? false : undefined;
  }

  #listLiteral(): unknown[] | undefined {
    this.#at += 1;
    this.#skipSpaces();
    if (this.#take(']')) return [];
    const items = this.#list(() => (this.#text[this.#at] === '[' ? undefined : this.#literal()));
    return items !== undefined && this.#take(']') ? items : undefined;
  }

  #quoted(): string | undefined {
    const quote = this.#text[this.#at];
    if (quote !== "'" && quote !== '"') return undefined;
    let end = this.#at + 1;
    let isEscaped = false;
    for (; end < this.#text.length && this.#text[end] !== quote; end++) {
      if (this.#text[end] !== '\\') continue;
      isEscaped = true;
      end += 1;
    }
    if (end >= this.#text.length) return undefined;
    const inner = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return isEscaped ? unescape(inner) : inner;
  }

  #integer(): number | undefined {
    const found = this.#match(INTEGER);
    return found === undefined ? undefined : Number(found);
  }

  #skipSpaces(): void {
    this.#match(SPACES);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };

function unescape(text: string): string {
  return text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_, code?: string, character?: string) =>
    code === undefined
      ? (ESCAPES[character ?? ''] ?? character ?? '')
      : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** Ends a path that looks at too much, or that asks something of a value that it cannot answer. */
class NothingFound extends Error {}

class Budget {
  #left = MAX_LOOKS;

  spend(looks = 1): void {
    this.#left -= looks;
    if (this.#left < 0) throw new NothingFound();
  }
}

/** So many characters are looked at as quickly as one value. */
const CHARACTERS_A_LOOK = 1_000;

/** For what has to go through the whole of a value: all of its text, all of its items or its keys. */
function spendOn(value: unknown, budget: Budget): void {
  if (typeof value === 'string') budget.spend(1 + value.length / CHARACTERS_A_LOOK);
  else budget.spend(1 + (sizeOf(value) ?? 0));
}

/** What one reading of a path goes by. */
interface Reading {
  readonly budget: Budget;
  /** The roots of the whole document by name, for filters that look there: `$.workflow.input.limit`. */
  readonly rootOf: (name: string) => unknown;
}

/**
 * What the steps of a path find below `root`. A path with `[*]`, `..`, a slice, a filter or several indexes gives a
 * list, any other gives the value, or `undefined` when there is none, and when it needs more than {@link MAX_LOOKS}
 * looks.
 *
 * @param rootOf - finds the other roots of the document, for `$…` in filters
 */
export function readJsonPath(
  path: JsonPath,
  root: unknown,
  rootOf: (name: string) => unknown = (name) => (name === path.root ? root : undefined),
): unknown {
  try {
    return follow(path.steps, root, { budget: new Budget(), rootOf });
  } catch (error) {
    if (error instanceof NothingFound) return undefined;
    throw error;
  }
}

function follow(steps: readonly Step[], root: unknown, reading: Reading): unknown {
  let found: unknown[] = [root];
  let isList = false;
  for (const step of steps) {
    if (step.kind === 'function') {
      found = found.map((value) => apply(step.name, value, isList, reading.budget));
      continue;
    }
    const next: unknown[] = [];
    for (const value of found) {
      reading.budget.spend(lengthOf(step));
      for (const one of takeStep(step, value, isList, reading)) {
        reading.budget.spend();
        next.push(one);
      }
    }
    found = next;
    isList ||= isIndefinite(step);
  }
  return isList ? found : found[0];
}

function isIndefinite(step: Step): boolean {
  if (step.kind === 'names' || step.kind === 'function') return false;
  return step.kind !== 'indexes' || step.indexes.length > 1;
}

function apply(name: PathFunction, value: unknown, isOneOfMany: boolean, budget: Budget): unknown {
  spendOn(value, budget);
  const result = FUNCTIONS[name](value);
  if (result !== undefined || !isOneOfMany) return result;
  if (LENIENT.has(name)) return null;
  throw new NothingFound();
}

function lengthOf(step: Step): number {
  if (step.kind === 'names') return step.names.length;
  return step.kind === 'indexes' ? step.indexes.length : 1;
}

/** One after the other: whoever has enough stops. */
function takeStep(
  step: Exclude<Step, { kind: 'function' }>,
  value: unknown,
  isOneOfMany: boolean,
  reading: Reading,
): Iterable<unknown> {
  switch (step.kind) {
    case 'names':
      return byNames(step.names, value);
    case 'indexes':
      return Array.isArray(value) ? byIndexes(step.indexes, value) : [];
    case 'slice':
      return Array.isArray(value) ? byIndexes(slice(step.from, step.to, value.length), value) : [];
    case 'wildcard':
      return children(value);
    case 'descend':
      return withDescendants(value);
    case 'filter':
      if (Array.isArray(value) && step.isBehindDescent) return [];
      if (Array.isArray(value)) return value.filter((item) => isAccepted(step.filter, item, reading));
      if (isMap(value)) return isAccepted(step.filter, value, reading) ? [value] : [];
      if (!isOneOfMany) throw new NothingFound();
      return [];
  }
}

function isAccepted(filter: Filter, item: unknown, reading: Reading): boolean {
  reading.budget.spend();
  switch (filter.kind) {
    case 'and':
      return filter.all.every((one) => isAccepted(one, item, reading));
    case 'or':
      return filter.all.some((one) => isAccepted(one, item, reading));
    case 'not':
      return !isAccepted(filter.inner, item, reading);
    case 'exists':
      return doesExist(filter.operand, item, reading);
    case 'compare': {
      const left = valueOf(filter.left, item, reading) ?? null;
      const right = valueOf(filter.right, item, reading) ?? null;
      return OPERATORS[filter.operator](left, right, reading.budget);
    }
  }
}

/** Behind the first step that may find many things it does not matter whether it finds any. */
function doesExist(operand: PathOperand, item: unknown, reading: Reading): boolean {
  const many = operand.steps.findIndex(isIndefinite);
  const steps = many < 0 ? operand.steps : operand.steps.slice(0, many);
  return valueOf({ ...operand, steps }, item, reading) !== undefined;
}

function valueOf(operand: Operand, item: unknown, reading: Reading): unknown {
  if (operand.kind === 'literal') return operand.value;
  if (operand.from === '@') return follow(operand.steps, item, reading);
  const [root, ...steps] = operand.steps;
  if (root?.kind !== 'names' || root.names.length !== 1) return undefined;
  return follow(steps, reading.rootOf(root.names[0]!), reading);
}

function byNames(names: readonly string[], value: unknown): unknown[] {
  if (!isMap(value)) return [];
  const present = names.filter((name) => Object.hasOwn(value, name));
  if (names.length === 1) return present.map((name) => value[name]);
  return [Object.fromEntries(present.map((name) => [name, value[name]]))];
}

function* byIndexes(indexes: Iterable<number>, list: readonly unknown[]): Generator {
  for (const index of indexes) {
    const at = index < 0 ? list.length + index : index;
    if (at >= 0 && at < list.length) yield list[at];
  }
}

/**
 * The indexes of a slice, as Jayway's JsonPath counts them: with both ends given, negative ones are not turned into
 * places first. So `[-2:1]` is the last two and the first.
 */
function* slice(from: number | undefined, to: number | undefined, length: number): Generator<number> {
  let [first, end] = [from ?? 0, Math.min(to ?? length, length)];
  if (from === undefined && end < 0) end += length;
  if (to === undefined && first < 0) first += length;
  for (let index = Math.max(first, -length); index < end; index++) yield index;
}

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isMap(value) ? Object.values(value) : [];
}

function* withDescendants(root: unknown): Generator {
  const waiting = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    yield value;
    for (const child of children(value).toReversed()) waiting.push(child);
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}

/** Equality as filters see it: what is missing is `null`, and a number equals its text. */
function isEqual(left: unknown, right: unknown, budget: Budget): boolean {
  spendOn(left, budget);
  spendOn(right, budget);
  if (typeof left === 'number' && typeof right === 'string')
    return right.trim() !== '' && left === Number(right);
  if (typeof left === 'string' && typeof right === 'number') return left === String(right);
  return isSame(left, right, budget);
}

function isSame(left: unknown, right: unknown, budget: Budget): boolean {
  spendOn(left, budget);
  spendOn(right, budget);
  if (left === right) return true;
  if (Array.isArray(left)) {
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item, index) => isSame(item, right[index], budget))
    );
  }
  if (!isMap(left) || !isMap(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isSame(left[key], right[key], budget))
  );
}

function includes(list: readonly unknown[], wanted: unknown, budget: Budget): boolean {
  return list.some((item) => isEqual(wanted, item, budget));
}

/** Numbers have an order, and texts have one; anything else is never more or less. */
function compare(
  left: unknown,
  right: unknown,
  budget: Budget,
  isWanted: (order: number) => boolean,
): boolean {
  spendOn(left, budget);
  if (typeof left === 'number' && typeof right === 'number') return isWanted(left - right);
  if (typeof left !== 'string' || typeof right !== 'string') return false;
  return isWanted(left < right ? -1 : left > right ? 1 : 0);
}

function sizeOf(value: unknown): number | undefined {
  if (Array.isArray(value)) return value.length;
  return isMap(value) ? Object.keys(value).length : undefined;
}

function aggregate(value: unknown, by: (numbers: number[]) => number): number | undefined {
  if (!Array.isArray(value)) return undefined;
  const numbers = value.filter((item): item is number => typeof item === 'number');
  return numbers.length === 0 ? undefined : by(numbers);
}

function average(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0) / numbers.length;
}

function deviation(numbers: readonly number[]): number {
  const mean = average(numbers);
  return Math.sqrt(average(numbers.map((number) => (number - mean) ** 2)));
}
