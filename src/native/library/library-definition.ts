import { findProblems, oneOf, rules, show, type OptionRule } from '../../core/options.js';
import { PrototypeProblem } from '../c/c-declarator.js';
import { parseTypes } from '../c/c-types.js';
import {
  declarationProblems,
  INT64_RULE,
  optionProblems as functionOptionProblems,
} from '../c/declaration-check.js';
import {
  nativeMembers,
  type NativeBackendName,
  type NativeDefinition,
} from '../backend/native-definition.js';
import type { Int64Mode, NativeDeclaration, NativeType } from '../c/native-types.js';
import { parsePrototype, parseTableEntry } from '../c/prototype.js';

/** A type in a table: its C name, or a type of `ref-napi`. */
export type NativeTableType = string | { readonly name: string; readonly indirection: number };

/**
 * A table of functions in the form of `ffi-napi`: symbol → `[result, [parameter, …]]`, types by their names or as types
 * of `ref-napi`; `{ async: true }` as a third element for functions that return promises.
 */
export type NativeFunctionTable = Readonly<
  Record<
    string,
    readonly [
      result: NativeTableType,
      parameters: readonly NativeTableType[],
      options?: { readonly async?: boolean; readonly varargs?: boolean },
    ]
  >
>;

export interface NativeLibraryOptions {
  /** A file, or a folder with the library in it, to look at instead of the usual places; relative to the project. */
  readonly path?: string | URL;
  /** Functions that the instance gets as methods of the same names, beside those declared with `@native`. */
  readonly functions?: NativeFunctionTable;
  /**
   * C declarations of the types that the prototypes use, as in a header: `struct`, `union`, `enum`, `typedef`.
   * Structs without members are handles.
   */
  readonly types?: string;
  /**
   * Types of handles with the functions that close them, e.g. `{ sqlite3: 'sqlite3_close_v2' }`. What is still open
   * when the library is closed is closed then, the youngest first.
   */
  readonly handles?: Readonly<Record<string, string>>;
  /** How 64-bit integers come back. @defaultValue `auto`: numbers where they are exact, bigints beyond */
  readonly int64?: Int64Mode;
  /**
   * The library is not thread-safe: its asynchronous calls run one at a time, in order, and a synchronous call while one
   * is under way throws. @defaultValue false
   */
  readonly serial?: boolean;
  /**
   * `task`: each task of a worker with `scope: 'task'` gets an instance of its own, whose handles are closed at the end of
   * the task. The library itself is opened once. @defaultValue `process`
   */
  readonly scope?: 'process' | 'task';
  /** The package that calls the native code; `TUTTI_NATIVE_BACKEND` overrides it. @defaultValue `koffi` */
  readonly backend?: NativeBackendName;
}

type LibraryClass = { readonly name: string; readonly prototype: object };

const OPTIONS: Readonly<Record<keyof NativeLibraryOptions, OptionRule>> = {
  path: {
    expected: 'a non-empty string or a file: URL',
    test: (v) => rules.string.test(v) || (v instanceof URL && v.protocol === 'file:'),
  },
  functions: rules.object,
  types: rules.string,
  handles: {
    expected: 'an object with the closing function of each type of handle',
    test: (v) => rules.object.test(v) && Object.values(v as object).every(rules.string.test),
  },
  int64: INT64_RULE,
  serial: rules.boolean,
  scope: oneOf('process', 'task'),
  backend: oneOf('koffi', 'ffi-napi'),
};

/** All that a class says about its library, and whatever is wrong with it. */
export function defineLibrary(target: LibraryClass, library: unknown, options: unknown): NativeDefinition {
  const where = `@NativeLibrary(${typeof library === 'string' ? `'${library}'` : '…'}) on class ${target.name}`;
  const optionProblems = rules.object.test(options)
    ? findProblems(where, options as Record<string, unknown>, OPTIONS)
    : [`${where}: expected options to be an object, got ${show(options)}`];
  if (!rules.string.test(library)) {
    optionProblems.push(
      `${where}: expected the name of the library to be a non-empty string, got ${show(library)}`,
    );
  }
  const given = (optionProblems.length === 0 ? options : {}) as NativeLibraryOptions;
  const { path, functions: table = {}, int64 = 'auto', serial = false, scope, backend = 'koffi' } = given;
  const handles = new Map(Object.entries(given.handles ?? {}));
  const { types: declared, problems: typeProblems } = parseTypes(given.types ?? '');
  const types = new Map<string, NativeType>(declared);
  for (const name of handles.keys()) if (!types.has(name)) types.set(name, { kind: 'opaque', name });

  const functions = new Map<string, NativeDeclaration>();
  const signatureProblems = [
    ...typeProblems.map((problem) => `${target.name}: ${problem}`),
    ...[...handles.keys()]
      .filter((name) => !isOpaque(types.get(name)!))
      .map((name) => {
        return `${target.name}: handles: "${name}" is declared with members; a handle is a struct without: "typedef struct ${name} ${name};"`;
      }),
  ];
  const declare = (member: string, text: unknown, parse: () => NativeDeclaration): void => {
    const shown = typeof text === 'string' ? `"${text}"` : show(text);
    const problem = (what: string): void =>
      void signatureProblems.push(`${target.name}.${member}: ${shown}: ${what}`);
    try {
      if (functions.has(member)) throw new PrototypeProblem('the member is declared twice');
      const declaration = parse();
      functions.set(member, declaration);
      declarationProblems(declaration).forEach(problem);
    } catch (error) {
      if (!(error instanceof PrototypeProblem)) throw error;
      problem(error.message);
    }
  };
  for (const { member, prototype, options: functionOptions, problem } of nativeMembers(target)) {
    declare(member, prototype, () => {
      if (problem !== undefined) throw new PrototypeProblem(problem);
      if (typeof prototype !== 'string') throw new PrototypeProblem('expected a C prototype in a string');
      const wrong = functionOptionProblems(functionOptions);
      if (wrong.length > 0) throw new PrototypeProblem(wrong.join('; '));
      return { signature: parsePrototype(prototype, undefined, types), options: functionOptions };
    });
  }
  for (const [symbol, entry] of Object.entries(table)) {
    declare(symbol, entry, () => parseTableEntry(symbol, entry, undefined, types));
  }
  if (functions.size === 0 && signatureProblems.length === 0 && optionProblems.length === 0) {
    optionProblems.push(
      `${where}: no function is declared; add @native('…') properties or the option \`functions\``,
    );
  }
  return {
    className: target.name,
    library: String(library),
    path,
    functions,
    types,
    handles,
    int64,
    serial,
    isPerTask: scope === 'task',
    backend,
    optionProblems,
    signatureProblems,
  };
}

function isOpaque(type: NativeType): boolean {
  return typeof type === 'object' && type.kind === 'opaque';
}
