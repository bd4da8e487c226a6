import { findProblems, oneOf, rules, show, type OptionRule } from '../../core/options.js';
import {
  describeType,
  type NativeDeclaration,
  type NativeFunctionOptions,
  type NativeType,
} from './native-types.js';

export const INT64_RULE = oneOf('auto', 'bigint', 'number');

const OPTIONS: Readonly<Record<keyof NativeFunctionOptions, OptionRule>> = {
  async: rules.boolean,
  errno: rules.boolean,
  int64: INT64_RULE,
  freedBy: {
    expected: 'the name of a function, or an object with one for each owned value',
    test: (v) =>
      rules.string.test(v) || (rules.object.test(v) && Object.values(v as object).every(rules.string.test)),
  },
};

/** What is wrong with the options of a function, whatever its prototype. */
export function optionProblems(options: unknown): string[] {
  if (!rules.object.test(options)) return [`expected the options to be an object, got ${show(options)}`];
  return findProblems('options', options as Record<string, unknown>, OPTIONS);
}

/** What a function's types and options say that cannot be done, or that leaves open who owns what. */
export function declarationProblems({ signature, options }: NativeDeclaration): string[] {
  const problems: string[] = [];
  const { result, parameters } = signature;
  const owned = ownedNames(options);
  if (typeof result === 'object') {
    if (result.kind === 'opaque')
      problems.push(
        `the result: ${result.name} can only be returned by pointer: its members are not declared`,
      );
    if (result.kind === 'pointer' && result.text !== undefined && !owned.has('result')) {
      problems.push(`the result: ${whoFrees(result.text)}`);
    }
  }
  for (const name of owned) {
    if (name === 'result') {
      if (!isOwnable(result))
        problems.push(`freedBy: the result is no text or pointer, there is nothing to free`);
      continue;
    }
    const parameter = parameters.find((candidate) => candidate.name === name);
    const target =
      typeof parameter?.type === 'object' && parameter.type.kind === 'pointer'
        ? parameter.type.to
        : undefined;
    if (parameter?.direction === undefined || target === undefined || !isOwnable(target)) {
      problems.push(`freedBy: "${name}" is not an _Out_ parameter that brings a text or pointer out`);
    }
  }
  for (const [index, { name, type, direction }] of parameters.entries()) {
    const where = `parameter ${index + 1}`;
    if (typeof type !== 'object') continue;
    if (type.kind === 'pointer' && direction !== undefined) {
      const { to } = type;
      const text = typeof to === 'object' && to.kind === 'pointer' ? to.text : undefined;
      if (text !== undefined && !owned.has(name ?? '')) {
        problems.push(`${where}: ${whoFrees(text, name ?? 'name')}`);
      }
      if (type.isConst) problems.push(`${where}: nothing can be written through a pointer to const`);
      if (type.to === 'void' || (typeof type.to === 'object' && type.to.kind === 'opaque')) {
        problems.push(
          `${where}: the size of ${describeType(type.to)} is not known; _Out_ and _Inout_ need a type with a size`,
        );
      }
    }
    if (type.kind === 'function')
      problems.push(...callbackProblems(type).map((problem) => `${where}: ${problem}`));
  }
  return problems;
}

/** @param parameter - that brings the text out; the result without one */
function whoFrees(text: 'utf8' | 'utf16', parameter?: string): string {
  const plain = text === 'utf8' ? 'const char *' : 'const char16_t *';
  const borrowed = parameter === undefined ? plain : `${plain}*`;
  const freedBy = parameter === undefined ? "'free'" : `{ ${parameter}: 'free' }`;
  return `who frees the text? Declare "${borrowed}" when it stays the library's, or { freedBy: ${freedBy} } with the function that frees it`;
}

/** What JavaScript functions cannot take or return when native code calls them. */
export function callbackProblems(type: Extract<NativeType, { kind: 'function' }>): string[] {
  const problems: string[] = [];
  for (const { type: parameter } of type.parameters) {
    if (typeof parameter === 'object' && (parameter.kind === 'struct' || parameter.kind === 'union')) {
      problems.push(
        `a callback cannot take the ${parameter.kind} ${parameter.name} by value; by pointer it can`,
      );
    }
  }
  const { result } = type;
  const isRecord = typeof result === 'object' && (result.kind === 'struct' || result.kind === 'union');
  if (result === 'string' || result === 'string16' || isRecord) {
    problems.push(`a callback cannot return ${describeType(result)}: nobody could free it`);
  }
  return problems;
}

/** The functions that free what this function gives away. */
export function freeingSymbols({ freedBy }: NativeFunctionOptions): string[] {
  if (freedBy === undefined) return [];
  return typeof freedBy === 'string' ? [freedBy] : Object.values(freedBy);
}

function ownedNames({ freedBy }: NativeFunctionOptions): Set<string> {
  if (freedBy === undefined) return new Set();
  return new Set(typeof freedBy === 'string' ? ['result'] : Object.keys(freedBy));
}

function isOwnable(type: NativeType): boolean {
  if (type === 'string' || type === 'string16') return true;
  if (typeof type !== 'object' || type.kind !== 'pointer') return false;
  const hasSize = type.to !== 'void' && !(typeof type.to === 'object' && type.to.kind === 'opaque');
  return type.text !== undefined || hasSize;
}
