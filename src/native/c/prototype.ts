import {
  joinTokens,
  parseDeclaration,
  parseParameter,
  parseParameters,
  PrototypeProblem,
  tokenise,
  type ParseContext,
} from './c-declarator.js';
import type { NativeDeclaration, NativeSignature, TypeTable } from './native-types.js';
import type { DataModel } from './scalar-types.js';

const NO_TYPES: TypeTable = new Map();

/**
 * A C prototype, e.g. `int32_t get_sum(int32_t a, int32_t b)`. Names of parameters may be left out, `extern "C"` and
 * a semicolon may stand around it.
 *
 * @throws {@link PrototypeProblem}
 */
export function parsePrototype(
  text: string,
  model?: DataModel,
  types: TypeTable = NO_TYPES,
): NativeSignature {
  const context: ParseContext = { types, model };
  const tokens = tokenise(text);
  if (tokens.slice(0, 4).join(' ') === 'extern " C "') tokens.splice(0, 4);
  if (tokens.at(-1) === ';') tokens.pop();
  const open = tokens.indexOf('(');
  const symbol = tokens[open - 1];
  const isPrototype =
    open > 1 && tokens.at(-1) === ')' && isBalanced(tokens) && /^[A-Za-z_]\w*$/.test(symbol ?? '');
  if (!isPrototype) {
    throw new PrototypeProblem('this is not a C prototype like "int32_t get_sum(int32_t a, int32_t b)"');
  }
  const resultTokens = tokens.slice(0, open - 1);
  const [result] = parseDeclaration(resultTokens, 'the result', context);
  if (result!.name !== undefined) {
    throw new PrototypeProblem(`the result: unknown type "${joinTokens(resultTokens)}"`);
  }
  const { parameters, isVariadic } = parseParameters(tokens.slice(open + 1, -1), context);
  return {
    symbol: symbol!,
    result: result!.type,
    parameters,
    ...(isVariadic ? { isVariadic } : {}),
    text: text.trim().replaceAll(/\s+/g, ' '),
  };
}

/**
 * One entry of a table in the ffi-napi form: `get_sum: ['int', ['int', 'int']]`, with `{ async: true }` as a third
 * element where calls are to run on the thread pool.
 *
 * @throws {@link PrototypeProblem}
 */
export function parseTableEntry(
  symbol: string,
  entry: unknown,
  model?: DataModel,
  types: TypeTable = NO_TYPES,
): NativeDeclaration {
  if (!isTableEntry(entry)) {
    throw new PrototypeProblem(
      "expected [result, [parameter, …]] with names of types, e.g. ['int', ['int', 'int']]",
    );
  }
  const context: ParseContext = { types, model };
  const [result, list, options] = entry;
  const names = list.map(typeName);
  const isVariadic = options?.varargs === true;
  return {
    signature: {
      symbol,
      result: parseDeclaration(tokenise(typeName(result)), 'the result', context)[0]!.type,
      parameters: names.map((name, i) => parseParameter(tokenise(name), i, context)),
      ...(isVariadic ? { isVariadic } : {}),
      text: `${typeName(result)} ${symbol}(${names.join(', ')}${isVariadic ? ', ...' : ''})`,
    },
    options: options?.async === true ? { async: true } : {},
  };
}

type TableType = string | { readonly name: string; readonly indirection: number };

interface TableOptions {
  readonly async?: boolean;
  readonly varargs?: boolean;
}

/** Types of `ref-napi` know their names: `int`, `void*`, `CString`. */
function typeName(type: TableType): string {
  if (typeof type === 'string') return type;
  return type.indirection > 1 && !type.name.includes('*') ? `${type.name} *` : type.name;
}

function isTableEntry(
  entry: unknown,
): entry is readonly [result: TableType, parameters: readonly TableType[], options?: TableOptions] {
  if (!Array.isArray(entry) || entry.length < 2 || entry.length > 3) return false;
  const [result, types, options] = entry as readonly unknown[];
  return (
    isTableType(result) &&
    Array.isArray(types) &&
    types.every(isTableType) &&
    (options === undefined || (typeof options === 'object' && options !== null))
  );
}

function isTableType(value: unknown): boolean {
  if (typeof value === 'string') return true;
  const type = value as { name?: unknown; indirection?: unknown } | null;
  return typeof type === 'object' && typeof type?.name === 'string' && typeof type.indirection === 'number';
}

function isBalanced(tokens: readonly string[]): boolean {
  let depth = 0;
  for (const [i, token] of tokens.entries()) {
    if (token === '(') depth++;
    if (token === ')') depth--;
    if (depth < 0 || (depth === 0 && token === ')' && i < tokens.length - 1)) return false;
  }
  return depth === 0;
}
