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
  min: (value: unknown) => aggregate(value, (all) => Math.min(...all)),
  max: (value: unknown) => aggregate(value, (all) => Math.max(...all)),
  avg: (value: unknown) => aggregate(value, (all) => all.reduce((a, b) => a + b, 0) / all.length),
};
type PathFunction = keyof typeof FUNCTIONS;

const NAME = /[^.[\]()]+/y;
const BRACKET =
  /\[\s*(\*|-?\d+(?:\s*,\s*-?\d+)*|-?\d*\s*:\s*-?\d*|'[^']*'(?:\s*,\s*'[^']*')*|"[^"]*"(?:\s*,\s*"[^"]*")*)\s*\]/y;

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
      const bracket = match(BRACKET, text, at);
      if (bracket === undefined) return undefined;
      steps.push(parseBracket(bracket[1]!));
      at += bracket[0].length;
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

function parseBracket(inner: string): Step {
  if (inner === '*') return { kind: 'wildcard' };
  if (inner.startsWith("'") || inner.startsWith('"')) {
    return {
      kind: 'names',
      names: [...inner.matchAll(/'([^']*)'|"([^"]*)"/g)].map((m) => m[1] ?? m[2] ?? ''),
    };
  }
  if (inner.includes(':')) {
    const [from, to] = inner.split(':').map((part) => (part.trim() === '' ? undefined : Number(part)));
    return { kind: 'slice', from, to };
  }
  return { kind: 'indexes', indexes: inner.split(',').map(Number) };
}

/**
 * What the steps of a path find below `root`. A path with `[*]`, `..`, a slice or several indexes gives a list,
 * any other gives the value, or `undefined` when there is none.
 */
export function readJsonPath(path: JsonPath, root: unknown): unknown {
  let found: unknown[] = [root];
  let isList = false;
  for (const step of path.steps) {
    if (step.kind === 'function') {
      const result = FUNCTIONS[step.name](isList ? found : found[0]);
      found = result === undefined ? [] : [result];
      isList = false;
    } else {
      found = found.flatMap((value) => takeStep(step, value));
      isList ||= !(step.kind === 'names' || (step.kind === 'indexes' && step.indexes.length === 1));
    }
  }
  return isList ? found : found[0];
}

function takeStep(step: Exclude<Step, { kind: 'function' }>, value: unknown): unknown[] {
  switch (step.kind) {
    case 'names':
      return byNames(step.names, value);
    case 'indexes':
      if (!Array.isArray(value)) return [];
      return step.indexes.flatMap((index) => {
        const at = index < 0 ? value.length + index : index;
        return at >= 0 && at < value.length ? [value[at] as unknown] : [];
      });
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

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isMap(value) ? Object.values(value) : [];
}

function withDescendants(value: unknown): unknown[] {
  return [value, ...children(value).flatMap(withDescendants)];
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
