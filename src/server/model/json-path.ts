/** One step of a path below its root. */
type Step =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'indexes'; readonly indexes: readonly number[] }
  | { readonly kind: 'slice'; readonly from: number | undefined; readonly to: number | undefined }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'descend' }
  | { readonly kind: 'function'; readonly name: PathFunction };

/** A compiled JsonPath: the name of the root and what follows. */
export interface JsonPath {
  readonly root: string;
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
  avg: (value: unknown) => aggregate(value, (all) => all.reduce((a, b) => a + b, 0) / all.length),
};
type PathFunction = keyof typeof FUNCTIONS;

const NAME = /[^.[\]()]+/y;
const INTEGER = /-?\d+/y;
/** So many names or indexes may stand in one pair of brackets. */
const MAX_LIST = 100;
/**
 * So many values are looked at for one path. Each step of `a[0,0][0,0]…` or `a..*..*` can multiply what the step before
 * has found: a path that goes beyond finds nothing.
 */
export const MAX_LOOKS = 1_000_000;

/**
 * Compiles a path such as `ref.output.items[0]['a b']..x[*].length()`. Filters (`[?(…)]`) are not there.
 *
 * @returns `undefined` when it is not a path that this server understands
 */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: Step[] = [];
  const root = match(NAME, text, 0)?.[0];
  if (root === undefined) return undefined;
  let at = root.length;
  while (at < text.length) {
    if (text[at] === '[') {
      const bracket = new Bracket(text, at).parse();
      if (bracket === undefined) return undefined;
      steps.push(bracket.step);
      at = bracket.end;
      continue;
    }
    if (text[at] !== '.') return undefined;
    at += 1;
    if (text[at] === '.') {
      steps.push({ kind: 'descend' });
      at += 1;
      if (text[at] === '[') continue;
    }
    const name = match(NAME, text, at)?.[0];
    if (name === undefined) return undefined;
    at += name.length;
    if (text.startsWith('()', at)) {
      if (!Object.hasOwn(FUNCTIONS, name)) return undefined;
      steps.push({ kind: 'function', name: name as PathFunction });
      at += 2;
    } else {
      steps.push(name === '*' ? { kind: 'wildcard' } : { kind: 'names', names: [name] });
    }
  }
  return { root, steps };
}

/** Reads what is between `[` and `]` from left to right, without ever going back. */
class Bracket {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at + 1;
  }

  parse(): { step: Step; end: number } | undefined {
    this.#skipSpaces();
    const step = this.#step();
    this.#skipSpaces();
    return step !== undefined && this.#take(']') ? { step, end: this.#at } : undefined;
  }

  #step(): Step | undefined {
    if (this.#take('*')) return { kind: 'wildcard' };
    const quote = this.#text[this.#at];
    if (quote === "'" || quote === '"') {
      const names = this.#list(() => this.#quoted(quote));
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

  #quoted(quote: string): string | undefined {
    if (!this.#take(quote)) return undefined;
    const end = this.#text.indexOf(quote, this.#at);
    if (end < 0) return undefined;
    const name = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return name;
  }

  #integer(): number | undefined {
    const found = match(INTEGER, this.#text, this.#at)?.[0];
    if (found === undefined) return undefined;
    this.#at += found.length;
    return Number(found);
  }

  #skipSpaces(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }
}

/**
 * What the steps of a path find below `root`. A path with `[*]`, `..`, a slice or several indexes gives a list,
 * any other gives the value, or `undefined` when there is none, and when it
 * needs more than {@link MAX_LOOKS} looks.
 */
export function readJsonPath(path: JsonPath, root: unknown): unknown {
  let found: unknown[] = [root];
  let isList = false;
  let looks = 0;
  for (const step of path.steps) {
    if (step.kind === 'function') {
      const result = FUNCTIONS[step.name](isList ? found : found[0]);
      found = result === undefined ? [] : [result];
      isList = false;
    } else {
      const next: unknown[] = [];
      for (const value of found) {
        looks += lengthOf(step);
        for (const one of takeStep(step, value)) {
          if (++looks > MAX_LOOKS) return undefined;
          next.push(one);
        }
        if (looks > MAX_LOOKS) return undefined;
      }
      found = next;
      isList ||= !(step.kind === 'names' || (step.kind === 'indexes' && step.indexes.length === 1));
    }
  }
  return isList ? found : found[0];
}

function lengthOf(step: Step): number {
  if (step.kind === 'names') return step.names.length;
  return step.kind === 'indexes' ? step.indexes.length : 1;
}

/** One after the other: whoever has enough stops. */
function takeStep(step: Exclude<Step, { kind: 'function' }>, value: unknown): Iterable<unknown> {
  switch (step.kind) {
    case 'names':
      return byNames(step.names, value);
    case 'indexes':
      return Array.isArray(value) ? byIndexes(step.indexes, value) : [];
    case 'slice':
      return Array.isArray(value) ? value.slice(step.from ?? 0, step.to ?? value.length) : [];
    case 'wildcard':
      return children(value);
    case 'descend':
      return withDescendants(value);
  }
}

function byNames(names: readonly string[], value: unknown): unknown[] {
  if (!isMap(value)) return [];
  const present = names.filter((name) => Object.hasOwn(value, name));
  if (names.length === 1) return present.map((name) => value[name]);
  return [Object.fromEntries(present.map((name) => [name, value[name]]))];
}

function* byIndexes(indexes: readonly number[], list: readonly unknown[]): Generator {
  for (const index of indexes) {
    const at = index < 0 ? list.length + index : index;
    if (at >= 0 && at < list.length) yield list[at];
  }
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

function sizeOf(value: unknown): number | undefined {
  if (Array.isArray(value)) return value.length;
  return isMap(value) ? Object.keys(value).length : undefined;
}

function aggregate(value: unknown, by: (numbers: number[]) => number): number | undefined {
  if (!Array.isArray(value)) return undefined;
  const numbers = value.filter((item): item is number => typeof item === 'number');
  return numbers.length === 0 ? undefined : by(numbers);
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
