import { IllegalStateError } from './errors.js';

/** For each state the states that may follow it. A state with no followers is final. */
export type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>;

/** One state value, changed only through {@link StateMachine.to}; an illegal move throws. */
export class StateMachine<S extends string> {
  readonly #subject: string;
  readonly #transitions: Transitions<S>;
  readonly #onChange: (from: S, to: S) => void;
  #state: S;

  constructor(
    subject: string,
    transitions: Transitions<S>,
    initial: S,
    onChange: (from: S, to: S) => void = () => undefined,
  ) {
    this.#subject = subject;
    this.#transitions = transitions;
    this.#state = initial;
    this.#onChange = onChange;
  }

  get state(): S {
    return this.#state;
  }

  is(...states: S[]): boolean {
    return states.includes(this.#state);
  }

  can(next: S): boolean {
    return this.#transitions[this.#state].includes(next);
  }

  /** @throws {@link IllegalStateError} when the table does not allow the move */
  to(next: S): void {
    const from = this.#state;
    if (!this.can(next)) throw new IllegalStateError(this.#subject, from, next);
    this.#state = next;
    this.#onChange(from, next);
  }
}
