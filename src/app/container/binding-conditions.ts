import { Container } from 'inversify';

type Name = string | number | symbol;

/** What `whenNamed` or `whenTagged` asks for. */
export interface BindingCondition {
  readonly name?: Name;
  readonly tag?: readonly [key: Name, value: unknown];
}

interface WhenSyntax {
  when: (this: WhenSyntax, constraint: object) => unknown;
  whenNamed: (this: WhenSyntax, name: Name) => unknown;
  whenTagged: (this: WhenSyntax, key: Name, value: unknown) => unknown;
}

const conditions = new WeakMap<object, BindingCondition>();
let isRecording = false;

/**
 * Remembers the names and tags of all bindings from now on. Inversify turns them into functions that only answer yes or
 * no, and an error should list those there are. Where a later version does it differently, nothing is remembered.
 */
export function recordBindingConditions(): void {
  if (isRecording) return;
  isRecording = true;
  const syntax = whenSyntax();
  if (syntax === undefined) return;
  const { whenNamed, whenTagged } = syntax;
  syntax.whenNamed = function (this: WhenSyntax, name) {
    return recorded(this, { name }, () => whenNamed.call(this, name));
  };
  syntax.whenTagged = function (this: WhenSyntax, key, value) {
    return recorded(this, { tag: [key, value] }, () => whenTagged.call(this, key, value));
  };
}

/** The condition of a binding, by the function that Inversify made of it. */
export function conditionOf(constraint: object): BindingCondition | undefined {
  return conditions.get(constraint);
}

/** The prototype of what `bind(…).to(…)` returns. */
function whenSyntax(): WhenSyntax | undefined {
  let syntax: unknown = new Container().bind('any').toConstantValue(0);
  while (typeof syntax === 'object' && syntax !== null && !Object.hasOwn(syntax, 'whenNamed')) {
    syntax = Object.getPrototypeOf(syntax) as unknown;
  }
  const found = syntax as Partial<WhenSyntax> | null;
  const isComplete = [found?.when, found?.whenNamed, found?.whenTagged].every(
    (method) => typeof method === 'function',
  );
  return isComplete ? (found as WhenSyntax) : undefined;
}

/** Both methods hand their function to `when` of the same object. */
function recorded(syntax: WhenSyntax, condition: BindingCondition, call: () => unknown): unknown {
  const { when } = syntax;
  syntax.when = (constraint) => {
    conditions.set(constraint, condition);
    return when.call(syntax, constraint);
  };
  try {
    return call();
  } finally {
    delete (syntax as Partial<WhenSyntax>).when;
  }
}
