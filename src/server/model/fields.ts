import type { JsonObject } from '../../conductor/wire/types.js';
import { internal } from './api-error.js';

/** Reads the fields of a JSON body as the real server's mapper does: lenient where it is, 500 where it gives up. */
export function readObject(value: unknown, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw internal(`JSON parse error: ${what} must be a JSON object, got ${kindOf(value)}`);
}

export function readArray(value: unknown, what: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw internal(`JSON parse error: ${what} must be a JSON array, got ${kindOf(value)}`);
}

/** An integer; fractions are cut off, `null` counts as 0. */
export function readInt(body: JsonObject, key: string, absent: number): number {
  const value = body[key];
  if (value === undefined) return absent;
  const number = value === null ? 0 : typeof value === 'string' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return Math.trunc(number);
  throw internal(`JSON parse error: ${key} must be an integer, got ${JSON.stringify(value)}`);
}

export function readOptionalInt(body: JsonObject, key: string): number | undefined {
  return body[key] === undefined || body[key] === null ? undefined : readInt(body, key, 0);
}

export function readBoolean(body: JsonObject, key: string, absent: boolean): boolean {
  const value = body[key];
  if (value === undefined) return absent;
  if (value === null || value === false || value === 'false') return false;
  if (value === true || value === 'true') return true;
  throw internal(`JSON parse error: ${key} must be true or false, got ${JSON.stringify(value)}`);
}

export function readString(body: JsonObject, key: string): string | undefined {
  const value = body[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object')
    throw internal(`JSON parse error: ${key} must be a string, got ${kindOf(value)}`);
  return String(value);
}

export function readMap(body: JsonObject, key: string): JsonObject {
  const value = body[key];
  return value === undefined || value === null ? {} : readObject(value, key);
}

export function readStrings(body: JsonObject, key: string): string[] {
  const value = body[key];
  return value === undefined || value === null ? [] : readArray(value, key).map(String);
}

export function readOneOf<T extends string>(
  body: JsonObject,
  key: string,
  values: readonly T[],
): T | undefined {
  const value = body[key];
  if (value === undefined || value === null) return undefined;
  if (values.includes(value as T)) return value as T;
  throw internal(
    `JSON parse error: ${key}: ${JSON.stringify(value)} is not one of the values accepted: [${values.join(', ')}]`,
  );
}

/** The fields of `body` that have a value: the real server writes no `null` properties. */
export function withoutNulls(body: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(body).filter(([, value]) => value !== null && value !== undefined),
  );
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}
