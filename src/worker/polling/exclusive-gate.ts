interface Waiting {
  /** Also for those who were let run beside others. */
  readonly isStrict: boolean;
  readonly admit: () => void;
}

/**
 * Lets tasks run side by side, or one alone: a suspect waits until everything else in the process has ended, and
 * nothing else begins while it waits or runs. It may be let run beside others after a while.
 */
export class ExclusiveGate {
  #shared = 0;
  /** Suspects that have been alone long enough. */
  #cleared = 0;
  #isExclusive = false;
  readonly #waitingExclusive: Waiting[] = [];
  #waitingShared: (() => void)[] = [];

  /** Whether somebody is alone, or waits for it. */
  get isClosed(): boolean {
    return this.#isExclusive || this.#waitingExclusive.length > 0;
  }

  /** Enters beside others, at once when nobody wants to be alone. Returns `undefined` in that case: no waiting. */
  enterShared(): Promise<void> | undefined {
    if (!this.isClosed) {
      this.#shared++;
      return undefined;
    }
    return new Promise((resolve) => this.#waitingShared.push(resolve));
  }

  leaveShared(): void {
    this.#shared--;
    this.#admit();
  }

  /** @param isStrict - waits for those, too, who are not alone any more */
  async enterExclusive(isStrict = true): Promise<void> {
    const admitted = new Promise<void>((resolve) =>
      this.#waitingExclusive.push({ isStrict, admit: resolve }),
    );
    this.#admit();
    await admitted;
  }

  /**
   * The stay of the one who was let in alone.
   *
   * @param aloneMs - others may enter after so many milliseconds; `undefined`: not before it leaves
   * @returns leaves
   */
  stayAlone(aloneMs?: number): () => void {
    let isCleared = false;
    const clear = (): void => {
      isCleared = true;
      this.#cleared++;
      this.#isExclusive = false;
      this.#admit();
    };
    const timer = aloneMs === undefined ? undefined : setTimeout(clear, aloneMs);
    return () => {
      clearTimeout(timer);
      if (isCleared) this.#cleared--;
      else this.#isExclusive = false;
      this.#admit();
    };
  }

  #admit(): void {
    if (this.#isExclusive) return;
    const [next] = this.#waitingExclusive;
    if (next !== undefined) {
      if (this.#shared > 0 || (next.isStrict && this.#cleared > 0)) return;
      this.#isExclusive = true;
      this.#waitingExclusive.shift();
      next.admit();
      return;
    }
    const admitted = this.#waitingShared;
    this.#waitingShared = [];
    this.#shared += admitted.length;
    for (const resolve of admitted) resolve();
  }
}
