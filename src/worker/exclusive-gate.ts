/**
 * Lets tasks run side by side, or one alone: a suspect waits until everything else in the process has ended, and
 * nothing else begins while it waits or runs.
 */
export class ExclusiveGate {
  #shared = 0;
  #isExclusive = false;
  readonly #waitingExclusive: (() => void)[] = [];
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

  async enterExclusive(): Promise<void> {
    const admitted = new Promise<void>((resolve) => this.#waitingExclusive.push(resolve));
    this.#admit();
    await admitted;
  }

  leaveExclusive(): void {
    this.#isExclusive = false;
    this.#admit();
  }

  #admit(): void {
    if (this.#isExclusive) return;
    if (this.#waitingExclusive.length > 0) {
      if (this.#shared > 0) return;
      this.#isExclusive = true;
      this.#waitingExclusive.shift()!();
      return;
    }
    const admitted = this.#waitingShared;
    this.#waitingShared = [];
    this.#shared += admitted.length;
    for (const resolve of admitted) resolve();
  }
}
