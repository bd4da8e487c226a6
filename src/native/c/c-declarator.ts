import { didYouMean } from '../../core/options.js';
import type { NativeParameter, NativeType, TextEncodingName, TypeTable } from './native-types.js';
import { layoutOf } from './type-layout.js';
import { C_KEYWORDS, KNOWN_TYPE_NAMES, scalarType, TYPE_WORDS, type DataModel } from './scalar-types.js';

/** What is wrong with a declaration, in words that follow the declaration's text. */
export class PrototypeProblem extends Error {}

/** What a declaration may refer to. */
export interface ParseContext {
  readonly types: TypeTable;
  readonly model: DataModel | undefined;
  /** The struct whose members are parsed, by its tag. */
  readonly itself?: readonly [tag: string, type: NativeType];
  /** How many functions stand around that take this one. */
  readonly depth?: number;
}

/** Pointers to pointers, arrays of arrays and functions that take functions: no header has as many. */
const MAX_NESTING = 32;
/** Bytes of a struct or array. */
export const MAX_TYPE_SIZE = 2 ** 31 - 1;
/** Of more declared types none is suggested for one that is not known: comparing them would take long. */
const MAX_SUGGESTIONS = 1000;

export interface Declared {
  readonly name: string | undefined;
  readonly type: NativeType;
  readonly direction: 'out' | 'inout' | undefined;
}

/** The type before the names: what `double` is in `double x, *y`. */
interface BaseType {
  readonly type: NativeType;
  readonly isConst: boolean;
  readonly text: TextEncodingName | undefined;
  readonly direction: 'out' | 'inout' | undefined;
}

const QUALIFIERS = new Set([
  'const',
  'volatile',
  'restrict',
  '__restrict',
  '__restrict__',
  'register',
  'extern',
  'static',
  'inline',
]);
const ANNOTATIONS: ReadonlyMap<string, 'out' | 'inout' | undefined> = new Map([
  ['_In_', undefined],
  ['_Out_', 'out'],
  ['_Inout_', 'inout'],
]);
export const IDENTIFIER = /^[A-Za-z_]\w*$/;

/** The words and signs of C text, without comments. */
export function tokenise(text: string): string[] {
  // A comment without an end is left, to be found strange.
  const code = text.replaceAll(/\/\*[\s\S]*?(?:\*\/|$)|\/\/[^\n]*/g, (comment) =>
    comment.startsWith('//') || /^.{2}[^]*\*\/$/.test(comment) ? ' ' : ' /* ',
  );
  return code.match(/\w+|\.\.\.|\S/g) ?? [];
}

/** Splits tokens at a sign, outside of all brackets. */
export function splitTokens(tokens: readonly string[], separator: string): string[][] {
  const parts: string[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if ('([{'.includes(token)) depth++;
    if (')]}'.includes(token)) depth--;
    if (token === separator && depth === 0) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts;
}

/** Tokens as C text with as many spaces as a person would write. */
export function joinTokens(tokens: readonly string[]): string {
  return tokens
    .join(' ')
    .replaceAll(/ ([,;)\]])/g, '$1')
    .replaceAll(/([([]) /g, '$1')
    .replaceAll(/\* (?=\w)/g, '*')
    .replaceAll(/\* (?=\*)/g, '*')
    .replaceAll(/(\w) \[/g, '$1[');
}

/** All names that one declaration declares: one for a parameter, several for `double x, *y` in a struct. */
export function parseDeclaration(
  tokens: readonly string[],
  where: string,
  context: ParseContext,
): Declared[] {
  if (tokens.length === 0) throw new PrototypeProblem(`${where}: there is no type`);
  const { base, rest } = parseBase(tokens, where, context);
  return splitTokens(rest, ',').map((part) => parseDeclarator(part, base, tokens, where, context));
}

/** One parameter of a function. */
export function parseParameter(
  tokens: readonly string[],
  index: number,
  context: ParseContext,
): NativeParameter {
  const where = `parameter ${index + 1}`;
  const [declared] = parseDeclaration(tokens, where, context) as [Declared];
  const { name, direction } = declared;
  if (declared.type === 'void') throw new PrototypeProblem(`${where}: void cannot be passed`);
  if (isOpaque(declared.type)) {
    throw new PrototypeProblem(
      `${where}: "${joinTokens(tokens)}" can only be passed by pointer: its members are not declared`,
    );
  }
  // An array as a parameter is a pointer.
  const type: NativeType =
    typeof declared.type === 'object' && declared.type.kind === 'array'
      ? { kind: 'pointer', to: declared.type.of, isConst: tokens.includes('const'), ...textOf(declared.type) }
      : declared.type;
  if (direction === undefined) return { name, type };
  if (typeof type !== 'object' || type.kind !== 'pointer') {
    throw new PrototypeProblem(
      `${where}: _Out_ and _Inout_ stand before pointers to what is written, not before "${joinTokens(tokens.slice(1))}"`,
    );
  }
  return { name, type, direction };
}

/** The parameters between the brackets of a function. */
export function parseParameters(
  tokens: readonly string[],
  context: ParseContext,
): { parameters: NativeParameter[]; isVariadic: boolean } {
  if (tokens.length === 0 || (tokens.length === 1 && tokens[0] === 'void'))
    return { parameters: [], isVariadic: false };
  const parts = splitTokens(tokens, ',');
  const isVariadic = parts.length > 1 && parts.at(-1)!.join('') === '...';
  if (isVariadic) parts.pop();
  return { parameters: parts.map((part, i) => parseParameter(part, i, context)), isVariadic };
}

function parseBase(
  tokens: readonly string[],
  where: string,
  context: ParseContext,
): { base: BaseType; rest: string[] } {
  const words: string[] = [];
  let areKeywords = true;
  let isConst = false;
  let direction: 'out' | 'inout' | undefined;
  let tag: string | undefined;
  let at = 0;
  for (; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (ANNOTATIONS.has(token)) direction = ANNOTATIONS.get(token) ?? direction;
    else if (QUALIFIERS.has(token)) isConst ||= token === 'const';
    else if (words.length === 0 && (token === 'struct' || token === 'union' || token === 'enum')) tag = token;
    else if (areKeywords && C_KEYWORDS.has(token)) words.push(token);
    else if (words.length === 0 && IDENTIFIER.test(token)) {
      words.push(token);
      areKeywords = false;
    } else break;
  }
  const type = lookUp(words, tag, context);
  if (type === undefined) throw unknownType(tokens, words, tag, where, context);
  const text = words.join(' ') === 'char' ? 'utf8' : words[0] === 'char16_t' ? 'utf16' : undefined;
  return { base: { type, isConst, text, direction }, rest: tokens.slice(at) };
}

function lookUp(
  words: readonly string[],
  tag: string | undefined,
  { types, model, itself }: ParseContext,
): NativeType | undefined {
  const [name] = words;
  if (name === undefined) return undefined;
  const declared = itself?.[0] === name ? itself[1] : types.get(name);
  if (declared !== undefined && words.length === 1) return declared;
  if (tag !== undefined) return undefined;
  if (name === 'pointer' && words.length === 1) return { kind: 'pointer', to: 'void', isConst: false };
  return scalarType(words, model);
}

function parseDeclarator(
  tokens: readonly string[],
  base: BaseType,
  whole: readonly string[],
  where: string,
  context: ParseContext,
): Declared {
  let { type, isConst, text } = base as {
    type: NativeType;
    isConst: boolean;
    text: TextEncodingName | undefined;
  };
  let at = 0;
  for (; tokens[at] === '*' || QUALIFIERS.has(tokens[at] ?? ''); at++) {
    if (tokens[at] !== '*') {
      isConst ||= tokens[at] === 'const';
      continue;
    }
    type = pointerTo(type, isConst, text);
    refuseNesting(type, 0, where);
    isConst = false;
    text = undefined;
  }
  if (tokens[at] === '(')
    return functionPointer(tokens.slice(at), type, base.direction, whole, where, context);
  const name = IDENTIFIER.test(tokens[at] ?? '') ? tokens[at++] : undefined;
  if (name !== undefined && TYPE_WORDS.has(name)) throw unknownType(whole, [name], undefined, where, context);
  const lengths: number[] = [];
  while (tokens[at] === '[') {
    const end = tokens.indexOf(']', at);
    if (end === -1) throw new PrototypeProblem(`${where}: a "]" is missing in "${joinTokens(whole)}"`);
    lengths.push(arrayLength(tokens.slice(at + 1, end), where));
    refuseNesting(type, lengths.length, where);
    at = end + 1;
  }
  if (at < tokens.length) {
    const strange = tokens[at]!;
    if (name !== undefined && IDENTIFIER.test(strange))
      throw unknownType(whole, [whole[0]!], undefined, where, context);
    throw new PrototypeProblem(`${where}: "${strange}" in "${joinTokens(whole)}" is not understood`);
  }
  for (const length of lengths.reverse()) {
    type = { kind: 'array', of: type, length, ...(text === undefined ? {} : { text }) };
    text = undefined;
  }
  if (lengths.length > 0 && layoutOf(type).size > MAX_TYPE_SIZE)
    throw new PrototypeProblem(`${where}: an array can have ${MAX_TYPE_SIZE} bytes, not more`);
  return { name, type, direction: base.direction };
}

/** @param more - levels that are to stand around `type` */
function refuseNesting(type: NativeType, more: number, where: string): void {
  let depth = more;
  for (let inner: NativeType = type; typeof inner === 'object'; depth++) {
    if (depth > MAX_NESTING) break;
    if (inner.kind === 'pointer') inner = inner.to;
    else if (inner.kind === 'array') inner = inner.of;
    else return;
  }
  if (depth > MAX_NESTING)
    throw new PrototypeProblem(
      `${where}: more than ${MAX_NESTING} pointers or arrays stand inside of each other`,
    );
}

function arrayLength(tokens: readonly string[], where: string): number {
  const length = tokens.length === 0 ? 0 : integerLiteral(tokens);
  if (length === undefined || length < 0 || !Number.isSafeInteger(length))
    throw new PrototypeProblem(`${where}: the length "${joinTokens(tokens)}" of an array is not a number`);
  return length;
}

/** `5`, `-1`, `0x1F`, `010` (which is 8 in C), `16u`; nothing is computed. */
export function integerLiteral(tokens: readonly string[]): number | undefined {
  const [, sign, digits] = /^(-?)(0[xX][\da-fA-F]+|\d+)[uUlL]*$/.exec(tokens.join('')) ?? [];
  if (digits === undefined) return undefined;
  const value = Number(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return Number.isNaN(value) ? undefined : sign === '-' ? -value : value;
}

function pointerTo(to: NativeType, isConst: boolean, text: TextEncodingName | undefined): NativeType {
  if (isConst && text !== undefined) return text === 'utf8' ? 'string' : 'string16';
  // A typedef of a function, as in `compare_fn *`, is as good as the pointer to it.
  if (typeof to === 'object' && to.kind === 'function') return to;
  return { kind: 'pointer', to, isConst, ...(text === undefined ? {} : { text }) };
}

/** `(*name)(parameters)` behind the type of the result. */
function functionPointer(
  tokens: readonly string[],
  result: NativeType,
  direction: 'out' | 'inout' | undefined,
  whole: readonly string[],
  where: string,
  context: ParseContext,
): Declared {
  const [open, star, third] = tokens;
  const name = third !== undefined && IDENTIFIER.test(third) ? third : undefined;
  const list = tokens.slice(name === undefined ? 3 : 4);
  if (
    open !== '(' ||
    star !== '*' ||
    tokens[name === undefined ? 2 : 3] !== ')' ||
    list[0] !== '(' ||
    list.at(-1) !== ')'
  ) {
    throw new PrototypeProblem(
      `${where}: "${joinTokens(whole)}" is no pointer to a function like "int (*compare)(const void *, const void *)"`,
    );
  }
  const depth = (context.depth ?? 0) + 1;
  if (depth > MAX_NESTING)
    throw new PrototypeProblem(`${where}: more than ${MAX_NESTING} functions take each other`);
  const { parameters, isVariadic } = parseParameters(list.slice(1, -1), { ...context, depth });
  if (isVariadic) throw new PrototypeProblem(`${where}: a variadic function cannot be called back`);
  const type: NativeType = { kind: 'function', name: name ?? joinTokens(whole), result, parameters };
  return { name, type, direction };
}

function unknownType(
  tokens: readonly string[],
  words: readonly string[],
  tag: string | undefined,
  where: string,
  { types }: ParseContext,
): PrototypeProblem {
  const shown = joinTokens(tokens);
  if (tag !== undefined && tokens.includes('{')) {
    return new PrototypeProblem(
      `${where}: "${shown}" declares a ${tag} where it is used; declare it by a name of its own before, in the option \`types\` of @NativeLibrary`,
    );
  }
  if (tag !== undefined) {
    return new PrototypeProblem(
      `${where}: the ${tag} "${words.join(' ')}" in "${shown}" is not declared; declare it in the option \`types\` of @NativeLibrary`,
    );
  }
  if (shown.includes('...')) return new PrototypeProblem(`${where}: "..." stands last, behind a parameter`);
  const declared = types.size > MAX_SUGGESTIONS ? [] : types.keys();
  const nearest = didYouMean(words[0] ?? tokens[0] ?? '', [...declared, ...KNOWN_TYPE_NAMES]);
  const hint =
    nearest === undefined
      ? '; structs, enums and handles are declared in the option `types` of @NativeLibrary'
      : `, did you mean "${nearest}"?`;
  return new PrototypeProblem(`${where}: unknown type "${shown}"${hint}`);
}

function isOpaque(type: NativeType): boolean {
  return typeof type === 'object' && type.kind === 'opaque';
}

function textOf(type: { readonly text?: TextEncodingName }): { text?: TextEncodingName } {
  return type.text === undefined ? {} : { text: type.text };
}
