import 'reflect-metadata';
import { injectable, injectFromBase, injectFromHierarchy } from 'inversify';
import { show } from '../../core/options.js';
import { callerFile } from './declaration-site.js';
import { declareWorker } from './declared-workers.js';
import type { WorkerClass, WorkerOptions } from './task-worker.js';
import { getWorkerMetadata, setWorkerMetadata } from './worker-metadata.js';
import { workerOptionProblems } from './worker-options.js';

/**
 * Makes a class a worker for tasks of the type `taskType`. Implies `@injectable()`: the constructor's
 * parameters are injected. Decorating registers nothing; the class runs when it is given to `bootstrap()`.
 *
 * @param taskType - the type of its tasks: the name of the task definition, which is also that of the queue
 * @param pollInterval - least milliseconds between two polls that bring nothing; or all {@link WorkerOptions}
 * Never throws: mistakes are reported by `bootstrap()`, all together, with the code `WORKER_INVALID`; `DECORATOR_MODE` when
 * the class was compiled without `experimentalDecorators`.
 *
 * @example
 * ```ts
 * @Worker('greet', 500)
 * export class GreetWorker implements TaskWorker<{ name: string }> {
 *   constructor(private readonly greeter: Greeter) {}
 *   execute(task: Task<{ name: string }>) {
 *     return { greeting: this.greeter.greet(task.inputData.name) };
 *   }
 * }
 * ```
 */
export function Worker(taskType: string, pollInterval?: number): <C extends WorkerClass>(target: C) => void;
export function Worker(taskType: string, options: WorkerOptions): <C extends WorkerClass>(target: C) => void;
export function Worker(taskType: string, pollIntervalOrOptions: number | WorkerOptions = {}) {
  const file = callerFile(Worker);
  // The second argument is there when the compiler used standard (TC39) decorators.
  return (target: WorkerClass, ...standardContext: unknown[]): void => {
    const options =
      typeof pollIntervalOrOptions === 'number'
        ? { pollInterval: pollIntervalOrOptions }
        : pollIntervalOrOptions;
    declareWorker({ value: target, name: target.name, taskType, file });
    if (standardContext.length > 0) {
      const problems = [standardDecoratorProblem(target.name, taskType)];
      return setWorkerMetadata(target, { taskType, options, file, problems, hasStandardDecorator: true });
    }
    const first = getWorkerMetadata(target);
    if (first !== undefined) {
      const problem = `@Worker is applied twice to class ${target.name}; keep one`;
      return setWorkerMetadata(target, { ...first, problems: [...first.problems, problem] });
    }
    const problems = [...findMistakes(target, taskType, options), ...makeInjectable(target)];
    setWorkerMetadata(target, { taskType, options, file, problems });
  };
}

function findMistakes(target: WorkerClass, taskType: unknown, options: unknown): string[] {
  const where = `@Worker(${typeof taskType === 'string' ? `'${taskType}'` : '…'}) on class ${target.name}`;
  const problems = workerOptionProblems(where, options);
  if (typeof taskType !== 'string' || taskType === '') {
    problems.push(`${where}: expected the task type to be a non-empty string, got ${show(taskType)}`);
  }
  if (typeof (target.prototype as { execute?: unknown }).execute !== 'function') {
    problems.push(`${where}: the class has no execute(task, context) method`);
  }
  return problems;
}

/** @returns a problem, when it is not known what the constructor of the base class takes */
function makeInjectable(target: WorkerClass): string[] {
  const hasOwnConstructor = Reflect.hasOwnMetadata('design:paramtypes', target) || target.length > 0;
  const base = Object.getPrototypeOf(target.prototype as object) as { constructor: object };
  injectable()(target);
  if (base.constructor === Object) return [];
  // A subclass without a constructor of its own takes that of its base class; TypeScript emits no metadata for it, and
  // Inversify would inject `undefined` without a word.
  const extendConstructorArguments = !hasOwnConstructor;
  const isKnown = applies(injectFromBase({ extendConstructorArguments, extendProperties: true }), target);
  // Injected properties and @postConstruct of the classes above would be left out as silently.
  applies(injectFromHierarchy({ extendConstructorArguments: false, extendProperties: true }), target);
  if (isKnown || hasOwnConstructor) return [];
  const baseName = (base.constructor as { name?: string }).name ?? '';
  return [
    `@Worker on class ${target.name}: its constructor is that of class ${baseName}, and what is injected there is not ` +
      `known; decorate class ${baseName} with @injectable(), or give class ${target.name} a constructor of its own`,
  ];
}

/** Whether all that the decorator needs is recorded. */
function applies(decorator: ClassDecorator, target: WorkerClass): boolean {
  try {
    decorator(target);
    return true;
  } catch {
    return false;
  }
}

function standardDecoratorProblem(className: string, taskType: string): string {
  return (
    `@Worker('${taskType}') on class ${className} was compiled as a standard (TC39) decorator, which carries no ` +
    'types for injection. Set "experimentalDecorators": true and "emitDecoratorMetadata": true in tsconfig.json, and ' +
    'compile with tsc, swc or @oxc-node/core (esbuild and tsx emit no decorator metadata)'
  );
}
