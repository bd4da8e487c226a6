import 'reflect-metadata';
import { Container, inject, injectable, postConstruct } from 'inversify';
import { describe, expect, it, test } from 'vitest';
import { getWorkerMetadata } from '../../../../src/worker/definition/worker-metadata.js';
import { Worker } from '../../../../src/worker/definition/worker.decorator.js';
import type { WorkerClass } from '../../../../src/worker/definition/task-worker.js';

@injectable()
class Greeter {
  greet(name: string): string {
    return `Hello ${name}`;
  }
}

@Worker('greet', 500)
class GreetWorker {
  constructor(readonly greeter: Greeter) {}
  execute(): string {
    return this.greeter.greet('you');
  }
}

function decorate(target: unknown, ...args: unknown[]): void {
  (Worker as (...args: unknown[]) => (target: unknown) => void)(...args)(target);
}

function workerClass(): WorkerClass {
  return class Sample {
    execute(): void {}
  };
}

function problemsOf(target: unknown, ...args: unknown[]): readonly string[] {
  decorate(target, ...args);
  return getWorkerMetadata(target)!.problems;
}

describe('@Worker', () => {
  it('records task type, options and the file of the class', () => {
    expect(getWorkerMetadata(GreetWorker)).toEqual({
      taskType: 'greet',
      options: { pollInterval: 500 },
      file: import.meta.filename,
      problems: [],
    });
  });

  test.each([
    [undefined, {}],
    [250, { pollInterval: 250 }],
    [
      { concurrency: 5, scope: 'task' },
      { concurrency: 5, scope: 'task' },
    ],
  ])('takes %j as its second argument', (argument, options) => {
    const target = workerClass();
    decorate(target, 'x', argument);
    expect(getWorkerMetadata(target)).toMatchObject({ options, problems: [] });
  });

  it('makes the class injectable', () => {
    const container = new Container();
    container.bind(Greeter).toSelf();
    container.bind(GreetWorker).toSelf();
    expect(container.get(GreetWorker).execute()).toBe('Hello you');
  });

  it('is not inherited: a subclass is a worker only with a decorator of its own', () => {
    class Derived extends GreetWorker {}
    expect(getWorkerMetadata(Derived)).toBeUndefined();
  });

  it('lets a decorated subclass without constructor be injected like its base', () => {
    @Worker('loud')
    class LoudWorker extends GreetWorker {
      override execute(): string {
        return `${super.execute()}!`;
      }
    }
    const container = new Container();
    container.bind(Greeter).toSelf();
    container.bind(LoudWorker).toSelf();
    expect(container.get(LoudWorker).execute()).toBe('Hello you!');
    expect(getWorkerMetadata(GreetWorker)?.taskType).toBe('greet');
  });

  it('leaves a subclass with a constructor of its own alone', () => {
    @Worker('own')
    class OwnWorker extends GreetWorker {
      constructor() {
        super(new Greeter());
      }
    }
    const container = new Container();
    container.bind(OwnWorker).toSelf();
    expect(container.get(OwnWorker).execute()).toBe('Hello you');
  });

  it('injects the properties of all base classes and calls their @postConstruct, whatever constructor there is', () => {
    @injectable()
    abstract class Base {
      @inject('currency') readonly currency!: string;
      isOpen = false;
      @postConstruct()
      open(): void {
        this.isOpen = true;
      }
    }
    abstract class Between extends Base {}
    @Worker('own')
    class OwnWorker extends Between {
      constructor(readonly greeter: Greeter) {
        super();
      }
      execute(): unknown {
        return [this.greeter.greet('you'), this.currency, this.isOpen];
      }
    }
    @Worker('plain')
    class PlainWorker extends Between {
      execute(): unknown {
        return [this.currency, this.isOpen];
      }
    }
    const container = new Container();
    container.bind(Greeter).toSelf();
    container.bind('currency').toConstantValue('EUR');
    for (const worker of [OwnWorker, PlainWorker]) container.bind<object>(worker).toSelf();
    expect(container.get(OwnWorker).execute()).toEqual(['Hello you', 'EUR', true]);
    expect(container.get(PlainWorker).execute()).toEqual(['EUR', true]);
  });

  it('cannot be applied twice: bootstrap() reports it', () => {
    const target = workerClass();
    decorate(target, 'one', { concurrency: 0 });
    expect(problemsOf(target, 'two')).toEqual([
      expect.stringContaining('`concurrency`'),
      '@Worker is applied twice to class Sample; keep one',
    ]);
    expect(getWorkerMetadata(target)!.taskType).toBe('one');
  });

  it('says what to do when it was compiled as a standard decorator', () => {
    const standard = Worker('greet') as unknown as (target: unknown, context: object) => void;
    const target = workerClass();
    standard(target, { kind: 'class', name: 'Sample' });
    expect(getWorkerMetadata(target)).toMatchObject({
      hasStandardDecorator: true,
      problems: [
        expect.stringMatching(
          /class Sample .*"experimentalDecorators": true.*"emitDecoratorMetadata": true.*tsc, swc/s,
        ),
      ],
    });
  });
});

describe('mistakes are collected, not thrown: bootstrap() tells all of them together', () => {
  test.each<[string, unknown[], RegExp[]]>([
    ['no task type', [undefined], [/the task type to be a non-empty string, got undefined/]],
    ['an empty task type', [''], [/the task type to be a non-empty string, got "" \(string\)/]],
    ['a task type that is no string', [5], [/the task type to be a non-empty string, got 5/]],
    ['a negative interval', ['x', -1], [/`pollInterval` to be an integer from 1 to 3600000, got -1/]],
    ['no number', ['x', NaN], [/`pollInterval`/]],
    [
      'a slip of the fingers',
      ['x', { concurency: 2 }],
      [/unknown option `concurency`, did you mean `concurrency`\?/],
    ],
    ['null', ['x', null], [/the options must be an object/]],
    ['a string', ['x', '500'], [/the options must be an object/]],
    [
      'several',
      ['x', { concurrency: 0, processes: 1.5, scope: 'singleton', paused: 'yes' }],
      [
        /`concurrency`/,
        /`processes`/,
        /`scope` to be one of "process", "task"/,
        /`paused` to be true or false/,
      ],
    ],
  ])('%s', (_title, args, expected) => {
    const problems = problemsOf(workerClass(), ...args);
    expect(problems).toHaveLength(expected.length);
    expected.forEach((pattern, index) => expect(problems[index]).toMatch(pattern));
    expect(problems[0]).toContain('on class Sample');
  });

  it('a class without execute', () => {
    class Lazy {}
    expect(problemsOf(Lazy, 'x')).toEqual([
      "@Worker('x') on class Lazy: the class has no execute(task, context) method",
    ]);
  });

  it('a subclass without constructor whose base does not tell what is injected', () => {
    class Base {
      constructor(readonly greeter: Greeter) {}
    }
    class Derived extends Base {
      execute(): void {}
    }
    expect(problemsOf(Derived, 'x')).toEqual([
      expect.stringMatching(
        /class Derived: its constructor is that of class Base.*class Base with @injectable\(\)/,
      ),
    ]);
  });

  it('a class above that tells nothing matters only to those that take its constructor', () => {
    class Root {
      constructor(readonly greeter: Greeter) {}
    }
    @injectable()
    class Base extends Root {
      constructor() {
        super(new Greeter());
      }
      execute(): void {}
    }
    class Derived extends Base {}
    expect(problemsOf(Derived, 'x')).toEqual([]);
  });

  it('inherited execute is enough', () => {
    class Base {
      execute(): void {}
    }
    class Derived extends Base {}
    expect(problemsOf(Derived, 'x')).toEqual([]);
  });
});
