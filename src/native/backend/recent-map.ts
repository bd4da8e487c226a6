/** A map that forgets what was not asked for the longest. */
export class RecentMap<K, V> {
  readonly #limit: number;
  readonly #values = new Map<K, V>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#values.size;
  }

  /** The value of `key`, which `make` makes where there is none. */
  getOr(key: K, make: () => V): V {
    const known = this.#values.get(key);
    const value = known ?? make();
    // Behind all others: the first is the one to go.
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#limit) this.#values.delete(this.#values.keys().next().value as K);
    return value;
  }
}
