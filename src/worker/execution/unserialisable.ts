import { types } from 'node:util';
import { describeThrown } from '../../core/errors.js';

/**
 * Where and why a value cannot be written as JSON, e.g. `outputData.items[2].id: a BigInt`; `undefined` when it can.
 * Follows `JSON.stringify`: functions and symbols are left out there and are no mistake here. Never throws.
 */
export function findUnserialisable(value: unknown, path: string): string | undefined {
  return visit(value, path, []);
}

function visit(original: unknown, path: string, parents: readonly object[]): string | undefined {
  let value = original;
  try {
    if (typeof value === 'bigint') return isWritable(value) ? undefined : `${path}: a BigInt`;
    if (typeof value !== 'object' || value === null) return undefined;
    if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
      value = (value as { toJSON(key: string): unknown }).toJSON('');
      if (typeof value === 'bigint') return `${path}: a BigInt from toJSON()`;
      if (typeof value !== 'object' || value === null) return undefined;
    }
    if (parents.includes(value)) return `${path}: a circular reference`;
    if (parents.length > 1_000) return `${path}: nested too deeply`;
    return visitMembers(value, path, [...parents, value]);
  } catch (thrown) {
    return `${path}: reading it throws ${describeThrown(thrown)}`;
  }
}

/** A program may have given BigInt a `toJSON`. */
function isWritable(value: bigint): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

function visitMembers(value: object, path: string, parents: readonly object[]): string | undefined {
  for (const key of Object.keys(value)) {
    const memberPath = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    let member: unknown;
    try {
      member = (value as Record<string, unknown>)[key];
    } catch (thrown) {
      return `${memberPath}: reading it throws ${describeThrown(thrown)}`;
    }
    const problem = visit(member, memberPath, parents);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * What JSON would write as an empty object, or as something that nobody reads back, with what to write instead;
 * `undefined` for everything that JSON carries. What has a `toJSON` is its own matter.
 */
export function lossyKind(value: object): string | undefined {
  if (Array.isArray(value) || isPlain(value)) return undefined;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return undefined;
  if (types.isMap(value)) return 'a Map; write Object.fromEntries(map) or [...map]';
  if (types.isSet(value)) return 'a Set; write [...set]';
  if (types.isNativeError(value) || value instanceof Error)
    return 'an error, which JSON writes without its message; write its message';
  if (types.isPromise(value)) return 'a promise; await it';
  if (types.isAnyArrayBuffer(value)) return 'an ArrayBuffer; write Buffer.from(buffer).toString("base64")';
  if (types.isDataView(value)) return 'a DataView; write the numbers that it shows';
  if (types.isTypedArray(value))
    return `a ${classOf(value)}; write Array.from(array), or Buffer.from(array).toString("base64")`;
  if (types.isRegExp(value)) return 'a regular expression; write its `source`';
  if (types.isGeneratorObject(value)) return 'a generator, whose code has not run; write [...generator]';
  if (types.isWeakMap(value) || types.isWeakSet(value)) return `a ${classOf(value)}, which cannot be read`;
  // Boxed primitives are written as what is in the box.
  if (types.isBoxedPrimitive(value) || Object.keys(value).length > 0) return undefined;
  const isHiding = Symbol.iterator in value || Symbol.asyncIterator in value || hasGetters(value);
  return isHiding
    ? `an object of class ${classOf(value)}, whose content is in no field of its own; give the class a toJSON() or write a plain object`
    : undefined;
}

/**
 * Where a value holds what JSON would lose without an error, e.g. `outputData.tags: a Set; write [...set]`; `undefined`
 * when there is none. What cannot be read is left to {@link findUnserialisable}. Never throws.
 */
export function findLossy(value: unknown, path: string): string | undefined {
  try {
    const found = typeof value === 'object' && value !== null ? visitLossy(value, new Set(), 0) : undefined;
    return found === undefined ? undefined : `${path}${found}`;
  } catch {
    return undefined;
  }
}

/**
 * Runs over each output: objects without objects in them, which are most, are not remembered.
 *
 * @returns the rest of the path, and what is there
 */
function visitLossy(value: object, seen: Set<object>, depth: number): string | undefined {
  const kind = lossyKind(value);
  if (kind !== undefined) return `: ${kind}`;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function' || depth > 1_000) return undefined;
  let isSeen = false;
  const visitMember = (member: unknown): string | undefined => {
    if (typeof member !== 'object' || member === null || seen.has(member)) return undefined;
    if (!isSeen) seen.add(value);
    isSeen = true;
    return visitLossy(member, seen, depth + 1);
  };
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = visitMember(value[index]);
      if (found !== undefined) return `[${index}]${found}`;
    }
    return undefined;
  }
  for (const key of Object.keys(value)) {
    const found = visitMember((value as Record<string, unknown>)[key]);
    if (found !== undefined) return `.${key}${found}`;
  }
  return undefined;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Fields of the class that JSON does not see. */
function hasGetters(value: object): boolean {
  let prototype = Object.getPrototypeOf(value) as object | null;
  for (; prototype !== null && Object.getPrototypeOf(prototype) !== null;) {
    const members = Object.entries(Object.getOwnPropertyDescriptors(prototype));
    if (members.some(([key, member]) => member.get !== undefined && key !== '__proto__')) return true;
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return false;
}

function classOf(value: object): string {
  const { name } = value.constructor ?? {};
  return typeof name === 'string' && name !== '' ? name : '(unnamed)';
}
