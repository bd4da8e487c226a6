/** What belongs to one native call: the memory that it uses, and what is to be done when it has returned. */
export class CallFrame {
  readonly isAsync: boolean;
  /** Memory that must stay where it is. */
  readonly keep: unknown[] = [];
  #after: (() => void)[] = [];
  #cleanup: (() => void)[] = [];
  #thrown: { readonly error: unknown } | undefined;

  constructor(isAsync: boolean) {
    this.isAsync = isAsync;
  }

  /** For what the function wrote through its pointers. */
  afterReturn(action: () => void): void {
    this.#after.push(action);
  }

  /** Whether it returned or not. */
  finally(action: () => void): void {
    this.#cleanup.push(action);
  }

  /** An error of a callback, which native code cannot take: it is thrown when the call returns. */
  caught(error: unknown): void {
    this.#thrown ??= { error };
  }

  /** @throws what a callback threw */
  returned(): void {
    for (const action of this.#after) action();
    if (this.#thrown !== undefined) throw this.#thrown.error;
  }

  end(): void {
    for (const action of this.#cleanup.splice(0)) action();
    this.keep.length = 0;
  }
}
