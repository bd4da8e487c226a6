/**
 * One object for all copies of this package in a process: a program and one of its dependencies may each have a copy,
 * and what one of them puts there must be found by the other.
 *
 * @param name - what it is; part of the contract between versions of the package
 */
export function shared<T>(name: string, make: () => T): T {
  const key = Symbol.for(`tutti:${name}`);
  const place = globalThis as Record<symbol, unknown>;
  if (place[key] === undefined) {
    Object.defineProperty(place, key, {
      value: make(),
      enumerable: false,
      configurable: false,
      writable: false,
    });
  }
  return place[key] as T;
}
