import {
  IDENTIFIER,
  integerLiteral,
  MAX_TYPE_SIZE,
  parseDeclaration,
  parseParameters,
  PrototypeProblem,
  splitTokens,
  tokenise,
  joinTokens,
  type ParseContext,
} from './c-declarator.js';
import {
  isRecord,
  type EnumType,
  type NativeType,
  type RecordField,
  type RecordType,
  type TypeTable,
} from './native-types.js';
import type { DataModel } from './scalar-types.js';
import { recordLayout } from './type-layout.js';

/** Structs inside of structs: no header has as many. */
const MAX_RECORD_DEPTH = 64;
/** Where there are more, the first of them matter. */
const MAX_PROBLEMS = 100;

/** A type table with whatever is wrong in its text. */
export interface ParsedTypes {
  readonly types: TypeTable;
  readonly problems: readonly string[];
}

/**
 * The types that C text declares: `struct`, `union`, `enum` and `typedef`, as they stand in a header. Structs without
 * members are opaque. A type is known from its declaration on.
 */
export function parseTypes(text: string, model?: DataModel): ParsedTypes {
  const types = new Map<string, NativeType>();
  const problems: string[] = [];
  for (const statement of splitTokens(tokenise(text), ';')) {
    if (statement.length === 0) continue;
    if (problems.length === MAX_PROBLEMS) {
      problems.push(`types: there are more than ${MAX_PROBLEMS} mistakes; what follows was not read`);
      break;
    }
    try {
      for (const [name, type] of declare(statement, { types, model })) {
        if (!IDENTIFIER.test(name)) throw new PrototypeProblem(`"${name}" is no name of a type`);
        const known = types.get(name);
        if (known !== undefined && known !== type && !isOpaque(known))
          throw new PrototypeProblem(`"${name}" is declared twice`);
        // What was a handle until now may have other names: typedef struct _Point Point; struct _Point { … };
        if (known !== undefined && known !== type && isOpaque(known)) {
          for (const [alias, other] of types) if (known === other) types.set(alias, type);
          complete(known, type);
        }
        types.set(name, type);
      }
    } catch (error) {
      if (!(error instanceof PrototypeProblem)) throw error;
      problems.push(
        `types: "${joinTokens(statement.slice(0, 12))}${statement.length > 12 ? ' …' : ''}": ${error.message}`,
      );
    }
  }
  return { types, problems };
}

function declare(statement: readonly string[], context: ParseContext): [string, NativeType][] {
  const isTypedef = statement[0] === 'typedef';
  const tokens = isTypedef ? statement.slice(1) : statement;
  const [kind] = tokens;
  const open = tokens.indexOf('{');
  const close = tokens.lastIndexOf('}');
  if ((kind === 'struct' || kind === 'union' || kind === 'enum') && open !== -1) {
    if (open > 2 || close < open)
      throw new PrototypeProblem(`this is no ${kind} like "typedef ${kind} { … } Name"`);
    const tag = open === 2 ? tokens[1] : undefined;
    const names = tokens.slice(close + 1);
    const alias = isTypedef && names.length === 1 ? names[0] : undefined;
    if (names.length > 0 && alias === undefined)
      throw new PrototypeProblem(`only one name can stand behind "}"`);
    const name = alias ?? tag;
    if (name === undefined && kind !== 'enum') throw new PrototypeProblem(`the ${kind} has no name`);
    const body = tokens.slice(open + 1, close);
    const type: NativeType =
      kind === 'enum' ? parseEnum(name ?? 'enum', body) : parseRecord(kind, name!, tag, body, context);
    return [...new Set([tag, alias])].filter((known) => known !== undefined).map((known) => [known, type]);
  }
  if (
    (kind === 'struct' || kind === 'union') &&
    tokens.length <= 3 &&
    tokens.every((token) => /^\w+$/.test(token))
  ) {
    const names = tokens.slice(1);
    const known = context.types.get(names[0] ?? '');
    const type: NativeType = known ?? { kind: 'opaque', name: names.at(-1) ?? '' };
    return [...new Set(names)].map((name) => [name, type]);
  }
  if (!isTypedef) throw new PrototypeProblem('this declares no type; functions are declared with @native');
  return parseTypedef(tokens, context);
}

/** A struct may have pointers to its own kind. */
function parseRecord(
  kind: RecordType['kind'],
  name: string,
  tag: string | undefined,
  body: readonly string[],
  context: ParseContext,
): RecordType {
  const placeholder: NativeType | undefined =
    tag === undefined || context.types.has(tag) ? undefined : { kind: 'opaque', name };
  const inside = placeholder === undefined ? context : { ...context, itself: [tag!, placeholder] as const };
  const type: RecordType = { kind, name, fields: parseFields(body, inside) };
  if (recordDepth(type) > MAX_RECORD_DEPTH)
    throw new PrototypeProblem(`more than ${MAX_RECORD_DEPTH} structs stand inside of each other`);
  if (recordLayout(type).size > MAX_TYPE_SIZE)
    throw new PrototypeProblem(`a ${kind} can have ${MAX_TYPE_SIZE} bytes, not more`);
  if (placeholder !== undefined) complete(placeholder, type);
  return type;
}

const depths = new WeakMap<RecordType, number>();

/** How many records stand inside of each other. */
function recordDepth(record: RecordType): number {
  let depth = depths.get(record);
  if (depth === undefined) {
    const inner = record.fields.map(({ type }) => {
      let element = type;
      while (typeof element === 'object' && element.kind === 'array') element = element.of;
      return isRecord(element) ? recordDepth(element) : 0;
    });
    depth = 1 + inner.reduce((most, one) => Math.max(most, one), 0);
    depths.set(record, depth);
  }
  return depth;
}

/** Pointers to a handle are pointers to the struct that it turns out to be. */
function complete(known: NativeType, type: NativeType): void {
  if (typeof known === 'object' && known.kind === 'opaque' && isRecord(type)) known.completedBy = type;
}

function parseTypedef(tokens: readonly string[], context: ParseContext): [string, NativeType][] {
  const open = tokens.indexOf('(');
  // typedef int compare_fn(const void *, const void *)
  if (open > 1 && tokens[open + 1] !== '*' && tokens.at(-1) === ')') {
    const name = tokens[open - 1]!;
    const [result] = parseDeclaration(tokens.slice(0, open - 1), 'the result', context);
    const { parameters } = parseParameters(tokens.slice(open + 1, -1), context);
    return [[name, { kind: 'function', name, result: result!.type, parameters }]];
  }
  return parseDeclaration(tokens, 'the type', context).map(({ name, type }) => {
    if (name === undefined) throw new PrototypeProblem('the typedef has no name');
    return [name, typeof type === 'object' && type.kind === 'function' ? { ...type, name } : type];
  });
}

function parseFields(body: readonly string[], context: ParseContext): RecordField[] {
  const fields = splitTokens(body, ';')
    .filter((tokens) => tokens.length > 0)
    .flatMap((tokens) => parseDeclaration(tokens, `"${joinTokens(tokens)}"`, context));
  if (fields.length === 0) throw new PrototypeProblem('there are no members');
  const names = new Set<string>();
  return fields.map(({ name, type }) => {
    if (name === undefined) throw new PrototypeProblem('a member has no name');
    if (names.has(name)) throw new PrototypeProblem(`the member "${name}" is declared twice`);
    names.add(name);
    if (type === 'void' || isOpaque(type))
      throw new PrototypeProblem(`the size of the member "${name}" is not known`);
    if (typeof type === 'object' && type.kind === 'array' && type.length === 0) {
      throw new PrototypeProblem(`the array "${name}" has no length`);
    }
    return { name, type };
  });
}

function parseEnum(name: string, body: readonly string[]): EnumType {
  const values = new Map<string, number>();
  let next = 0;
  for (const part of splitTokens(body, ',')) {
    const [member, equals, ...rest] = part;
    if (member === undefined) continue;
    const value = equals === undefined ? next : equals === '=' ? integerLiteral(rest) : undefined;
    if (value === undefined || !/^[A-Za-z_]/.test(member)) {
      throw new PrototypeProblem(
        `"${joinTokens(part)}" in the enum: expected a name, or a name and an integer`,
      );
    }
    values.set(member, value);
    next = value + 1;
  }
  if (values.size === 0) throw new PrototypeProblem('there are no names in the enum');
  const numbers = [...values.values()];
  const isSigned = process.platform === 'win32' || numbers.some((value) => value < 0);
  const [least, most] = isSigned ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  if (numbers.some((value) => value < least || value > most))
    throw new PrototypeProblem(`the numbers of the enum do not fit into 32 bits`);
  const storage = isSigned ? 'int32_t' : 'uint32_t';
  return { kind: 'enum', name, values, storage };
}

function isOpaque(type: NativeType): boolean {
  return typeof type === 'object' && type.kind === 'opaque';
}
