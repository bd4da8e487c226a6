import { didYouMean } from '../core/options.js';
import { KNOWN_TYPE_NAMES, scalarType, type DataModel, type ScalarName } from './scalar-types.js';

export interface NativeParameter {
  /** As in the prototype; absent where it has none. */
  readonly name: string | undefined;
  readonly type: Exclude<ScalarName, 'void'>;
}

/** A native function as it is declared: its symbol, and the types that cross the boundary. */
export interface NativeSignature {
  readonly symbol: string;
  readonly result: ScalarName;
  readonly parameters: readonly NativeParameter[];
  /** The declaration as it was written, for error messages. */
  readonly text: string;
}

/** What is wrong with a declaration, in words that follow the declaration's text. */
export class PrototypeProblem extends Error {}

const SUPPORTED =
  'supported are void, bool, integers (int8_t … uint64_t, char, short, int, long, size_t …), float, double and const char *';

/**
 * A C prototype of a function with scalar parameters, e.g. `int32_t get_sum(int32_t a, int32_t b)`. Names of
 * parameters may be left out, `extern "C"` and a semicolon may stand around it.
 *
 * @throws {@link PrototypeProblem}
 */
export function parsePrototype(text: string, model?: DataModel): NativeSignature {
  const match = /^(?:extern\s*"C"\s+)?([^()]*?)(?<!\w)([A-Za-z_]\w*)\s*\((.*)\)\s*;?$/s.exec(text.trim());
  const [, resultText = '', symbol = '', list = ''] = match ?? [];
  if (match === null || resultText.trim() === '') {
    throw new PrototypeProblem('this is not a C prototype like "int32_t get_sum(int32_t a, int32_t b)"');
  }
  if (/[()]/.test(list)) throw new PrototypeProblem('pointers to functions are not supported');
  const result = parseType(resultText, 'the result', model);
  if (result.name !== undefined) {
    throw new PrototypeProblem(`the result: unknown type "${resultText.trim()}"; ${SUPPORTED}`);
  }
  const parts = list.trim() === '' ? [] : list.split(',');
  const parameters =
    parts.length === 1 && parts[0]!.trim() === 'void' ? [] : parts.map((p, i) => parameter(p, i, model));
  return { symbol, result: result.type, parameters, text: text.trim() };
}

/**
 * One entry of a table in the ffi-napi form: `get_sum: ['int', ['int', 'int']]`.
 *
 * @throws {@link PrototypeProblem}
 */
export function parseTableEntry(symbol: string, entry: unknown, model?: DataModel): NativeSignature {
  if (!isTableEntry(entry)) {
    throw new PrototypeProblem(
      "expected [result, [parameter, …]] with names of types, e.g. ['int', ['int', 'int']]",
    );
  }
  const [result, types] = entry;
  return {
    symbol,
    result: parseType(result, 'the result', model).type,
    parameters: types.map((type, i) => parameter(type, i, model)),
    text: `${result} ${symbol}(${types.join(', ')})`,
  };
}

function isTableEntry(entry: unknown): entry is readonly [string, readonly string[]] {
  if (!Array.isArray(entry) || entry.length !== 2) return false;
  const [result, types] = entry as readonly unknown[];
  return (
    typeof result === 'string' && Array.isArray(types) && types.every((type) => typeof type === 'string')
  );
}

function parameter(text: string, index: number, model: DataModel | undefined): NativeParameter {
  const where = `parameter ${index + 1}`;
  const { type, name } = parseType(text, where, model);
  if (type === 'void') throw new PrototypeProblem(`${where}: void cannot be passed`);
  return { name, type };
}

function parseType(
  text: string,
  where: string,
  model: DataModel | undefined,
): { type: ScalarName; name?: string } {
  const shown = text.trim().replaceAll(/\s+/g, ' ');
  const refuse = (what: string): never => {
    throw new PrototypeProblem(`${where}: ${what}; ${SUPPORTED}`);
  };
  if (shown === '') throw new PrototypeProblem(`${where}: there is no type`);
  if (shown.includes('...')) return refuse('variadic functions are not supported');
  const tokens: readonly string[] = shown.match(/\w+|\S/g) ?? [];
  const strange = tokens.find((token) => !/^(?:[A-Za-z_]\w*|\*)$/.test(token));
  if (strange !== undefined) return refuse(`"${strange}" in "${shown}" is not supported`);
  const composite = tokens.find((token) => token === 'struct' || token === 'union' || token === 'enum');
  if (composite !== undefined) return refuse(`${composite}s are not supported ("${shown}")`);

  const star = tokens.indexOf('*');
  if (star !== -1) return pointerType(tokens, star) ?? refuse(`the pointer "${shown}" is not supported`);
  const words = tokens.filter((token) => token !== 'const' && token !== 'volatile');
  const whole = scalarType(words, model);
  if (whole !== undefined) return { type: whole };
  const named = scalarType(words.slice(0, -1), model);
  if (named !== undefined) return { type: named, name: words.at(-1)! };
  const nearest = didYouMean(words[0] ?? '', KNOWN_TYPE_NAMES);
  return refuse(`unknown type "${shown}"${nearest === undefined ? '' : `, did you mean "${nearest}"?`}`);
}

/** Only text that stays the library's own: what a `char *` without `const` means for ownership, nobody can tell. */
function pointerType(tokens: readonly string[], star: number): { type: 'string'; name?: string } | undefined {
  const pointee = tokens.slice(0, star);
  const rest = tokens.slice(star + 1).filter((token) => token !== 'const');
  const isText = pointee.length === 2 && pointee.includes('const') && pointee.includes('char');
  if (!isText || rest.length > 1 || rest.includes('*')) return undefined;
  return rest.length === 0 ? { type: 'string' } : { type: 'string', name: rest[0]! };
}
