import { describeThrown } from '../core/errors.js';

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
