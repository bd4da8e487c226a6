import 'reflect-metadata';
import {
  Container,
  inject,
  injectable,
  injectFromBase,
  LazyServiceIdentifier,
  multiInject,
  named,
  optional,
  tagged,
  unmanaged,
  type ServiceIdentifier,
} from 'inversify';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { recordBindingConditions } from '../../../../src/app/container/binding-conditions.js';
import { dependencyProblems, unknownParameter } from '../../../../src/app/container/dependency-check.js';
import { Worker } from '../../../../src/worker/definition/worker.decorator.js';

@injectable()
class Greeter {}

abstract class Port {
  constructor(readonly name: string) {}
}

@injectable()
class Adapter extends Port {
  constructor(readonly greeter: Greeter) {
    super('adapter');
  }
}

/** As a class of somebody else's package: no decorators, parameters that nobody injects. */
class Pool {
  constructor(readonly options: { host: string }) {}
}

@Worker('greet')
class GreetWorker {
  constructor(readonly greeter: Greeter) {}
  execute(): void {}
}

type Bindings = (container: Container) => unknown;

function problemsOf(
  roots: ServiceIdentifier | readonly ServiceIdentifier[],
  bindings: Bindings = () => undefined,
): string[] {
  const container = new Container();
  bindings(container);
  const list = [roots].flat();
  // As the application does it: worker classes are bound to themselves.
  for (const root of list) {
    if (typeof root === 'function' && !container.isBound(root)) container.bind(root).toSelf();
  }
  return dependencyProblems(container, list, 'functionWorker add');
}

/** A class with the metadata that a compiler would have written for it. */
function compiled(name: string, types: readonly unknown[]): ServiceIdentifier {
  const type = {
    [name]: class {
      constructor(...services: unknown[]) {
        void services;
      }
    },
  }[name]!;
  Reflect.defineMetadata('design:paramtypes', types, type);
  injectable()(type);
  return type;
}

describe('nothing is missing', () => {
  class Base {
    constructor(readonly greeter: Greeter) {}
  }
  injectable()(Base);
  Reflect.defineMetadata('design:paramtypes', [Greeter], Base);
  inject(Greeter)(Base, undefined, 0);

  @injectable()
  class NeedsPort {
    constructor(readonly port: Port) {}
  }
  @injectable()
  class NeedsPool {
    constructor(readonly pool: Pool) {}
  }
  @injectable()
  class Special {
    constructor(
      @inject(Greeter) @named('polite') readonly polite: Greeter,
      @inject(Greeter) @tagged('tone', 'loud') readonly loud: Greeter,
      @inject('limit') @optional() readonly limit: number | undefined,
      @multiInject('plugin') readonly plugins: unknown[],
      @unmanaged() readonly own = 5,
    ) {}
  }
  @injectable()
  class WithProperty {
    @inject(Greeter) readonly greeter!: Greeter;
  }
  @injectable()
  class Lazy {
    constructor(@inject(new LazyServiceIdentifier(() => Greeter)) readonly greeter: Greeter) {}
  }
  @injectable()
  class Loop {
    constructor(@inject(new LazyServiceIdentifier(() => Loop)) readonly loop: unknown) {}
  }
  @Worker('derived')
  class Derived extends GreetWorker {}

  const greeter: Bindings = (container) => container.bind(Greeter).toSelf();
  test.each<[string, ServiceIdentifier, Bindings]>([
    ['a worker with its service', GreetWorker, greeter],
    ['a worker with a constant', GreetWorker, (container) => container.bind(Greeter).toConstantValue({})],
    [
      'an abstract class bound to an adapter',
      NeedsPort,
      (container) => {
        greeter(container);
        container.bind(Port).to(Adapter);
      },
    ],
    [
      'an abstract class bound to a constant',
      NeedsPort,
      (container) => container.bind(Port).toConstantValue({ name: 'x' }),
    ],
    [
      "a class of somebody else's, made by a function",
      NeedsPool,
      (container) => container.bind(Pool).toDynamicValue(() => new Pool({ host: 'x' })),
    ],
    [
      "a class of somebody else's, as a constant",
      NeedsPool,
      (container) => container.bind(Pool).toConstantValue(new Pool({ host: 'x' })),
    ],
    [
      "a class of somebody else's, made from services",
      NeedsPool,
      (container) => container.bind(Pool).toResolvedValue(() => new Pool({ host: 'x' })),
    ],
    [
      'another name for the same service',
      NeedsPort,
      (container) => {
        container.bind('the pool').toConstantValue(1);
        container.bind(Port).toService('the pool');
      },
    ],
    [
      'names, tags, optional, multiple and unmanaged parameters',
      Special,
      (container) => {
        container.bind(Greeter).toSelf().whenNamed('polite');
        container.bind(Greeter).toSelf().whenTagged('tone', 'loud');
      },
    ],
    ['a property', WithProperty, greeter],
    ['a lazy identifier', Lazy, greeter],
    ['a class that needs itself: Inversify tells of the circle', Loop, () => undefined],
    ['a decorated subclass without constructor', Derived, greeter],
  ])('%s', (_title, root, bindings) => {
    expect(problemsOf(root, bindings)).toEqual([]);
  });
});

describe('what is missing is told with class, parameter and fix', () => {
  it('a binding for a parameter', () => {
    expect(problemsOf(GreetWorker)).toEqual([
      'parameter 0 of GreetWorker(?) needs Greeter, but nothing is bound to it. ' +
        'Fix: bind(Greeter).toSelf() in a ContainerModule that is given to bootstrap({ modules })',
    ]);
  });

  it('a binding further down', () => {
    @injectable()
    class Outer {
      constructor(readonly adapter: Adapter) {}
    }
    expect(problemsOf(Outer, (container) => container.bind(Adapter).toSelf())).toEqual([
      expect.stringContaining('parameter 0 of Adapter(?) needs Greeter'),
    ]);
  });

  it('a binding below an adapter', () => {
    @injectable()
    class Outer {
      constructor(readonly port: Port) {}
    }
    expect(problemsOf(Outer, (container) => container.bind(Port).to(Adapter))).toEqual([
      expect.stringContaining('parameter 0 of Adapter(?) needs Greeter'),
    ]);
  });

  it('a binding for a token, a symbol and a property; all at once', () => {
    @injectable()
    class Many {
      @inject('color') readonly color!: string;
      constructor(
        readonly greeter: Greeter,
        @inject(Symbol.for('limit')) readonly limit: number,
      ) {}
    }
    const problems = problemsOf(Many, (container) => container.bind(Greeter).toSelf());
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(
      /^parameter 1 of Many\(Greeter, \?\) needs Symbol\(limit\), .*bind\(Symbol\(limit\)\)\.to\(…\)/,
    );
    expect(problems[1]).toMatch(/^property color of class Many needs 'color', .*bind\('color'\)\.to\(…\)/);
  });

  describe('a binding with a name or a tag, and which there are', () => {
    beforeAll(() => recordBindingConditions());

    @injectable()
    class Named {
      constructor(@inject(Greeter) @named('polite') readonly greeter: Greeter) {}
    }
    @injectable()
    class Tagged {
      constructor(@inject(Greeter) @tagged('tone', 'loud') readonly greeter: Greeter) {}
    }
    @injectable()
    class Neither {
      constructor(readonly greeter: Greeter) {}
    }
    const rude: Bindings = (container) => {
      container.bind(Greeter).toSelf().whenNamed('rude');
      container.bind(Greeter).toSelf().whenNamed('police');
    };
    const soft: Bindings = (container) => container.bind(Greeter).toSelf().whenTagged('tone', 'soft');
    const FIX = 'in a ContainerModule that is given to bootstrap({ modules })';

    test.each<[string, ServiceIdentifier, Bindings, string]>([
      [
        'another name',
        Named,
        rude,
        "parameter 0 of Named(?) needs Greeter named 'polite', but it is bound only named 'rude', named 'police'; did you " +
          `mean 'police'? Fixes: (1) ask for one of those with @named, (2) bind(Greeter).to(…).whenNamed('polite') ${FIX}`,
      ],
      [
        'another tag',
        Tagged,
        soft,
        "parameter 0 of Tagged(?) needs Greeter tagged 'tone' = 'loud', but it is bound only tagged 'tone' = 'soft'. " +
          `Fixes: (1) ask for one of those with @tagged, (2) bind(Greeter).to(…).whenTagged('tone', 'loud') ${FIX}`,
      ],
      [
        'another condition',
        Named,
        (container) =>
          container
            .bind(Greeter)
            .toSelf()
            .when(() => false),
        "parameter 0 of Named(?) needs Greeter named 'polite', but its bindings have conditions that are not met here. " +
          `Fix: bind(Greeter).to(…).whenNamed('polite') ${FIX}`,
      ],
      [
        'names only, and none is asked for',
        Neither,
        rude,
        "parameter 0 of Neither(?) needs Greeter without a name or tag, but it is bound only named 'rude', named 'police'. " +
          `Fixes: (1) ask for one of those with @named, (2) bind(Greeter).to(…) ${FIX}`,
      ],
      [
        'nothing',
        Named,
        () => undefined,
        "parameter 0 of Named(?) needs Greeter named 'polite', but nothing is bound to it. " +
          `Fix: bind(Greeter).toSelf().whenNamed('polite') ${FIX}`,
      ],
    ])('there is %s', (_title, root, bindings, problem) => {
      expect(problemsOf(root, bindings)).toEqual([problem]);
    });

    it('a service of a function worker that is bound by name only', () => {
      const container = new Container();
      rude(container);
      expect(dependencyProblems(container, [Greeter], 'functionWorker add')).toEqual([
        expect.stringContaining(
          "functionWorker add needs Greeter without a name or tag, but it is bound only named 'rude'",
        ),
      ]);
    });

    it('@named or @tagged without @inject', () => {
      @injectable()
      class Forgot {
        constructor(
          @named('card') readonly card: Greeter,
          @tagged('tone', 5) readonly loud: unknown,
        ) {}
      }
      expect(unknownParameter(Forgot)).toBe(
        "parameter 0 of Forgot(?, …) has @named('card') but no @inject. Fix: @inject(Greeter) @named('card')",
      );
      @injectable()
      class Later {
        constructor(@tagged('tone', 5) readonly loud: unknown) {}
      }
      expect(unknownParameter(Later)).toBe(
        "parameter 0 of Later(?) has @tagged('tone', 5) but no @inject. Fix: @inject(Service) @tagged('tone', 5)",
      );
    });
  });

  it('a service of a function worker', () => {
    const container = new Container();
    expect(dependencyProblems(container, [Greeter, 'token'], 'functionWorker add')).toEqual([
      expect.stringContaining(
        'functionWorker add needs Greeter, but nothing is bound to it. Fix: bind(Greeter).toSelf()',
      ),
      expect.stringContaining("functionWorker add needs 'token', but nothing is bound to it"),
    ]);
  });

  it('the same service is complained about once for each place', () => {
    @injectable()
    class Twice {
      constructor(
        readonly one: Greeter,
        readonly two: Greeter,
      ) {}
    }
    expect(problemsOf(Twice)).toHaveLength(2);
  });
});

describe('types that the compiler did not write', () => {
  test.each<[string, ServiceIdentifier, RegExp]>([
    [
      '`import type` leaves Object',
      compiled('Typed', [Greeter, Object]),
      /parameter 1 of Typed\(Greeter, \?\) cannot be injected: its type is Object at run time.*not `import type/,
    ],
    ['a primitive', compiled('Primitive', [String]), /its type is String at run time.*@inject\(Token\)/],
    ['a function type', compiled('Callback', [Function]), /its type is Function at run time/],
    [
      'a circular import leaves undefined',
      compiled('Circular', [undefined]),
      /parameter 0 of Circular\(\?\).*not there yet.*circular import.*LazyServiceIdentifier/,
    ],
  ])('%s', (_title, root, pattern) => {
    const problems = problemsOf(root, (container) => container.bind(Greeter).toSelf());
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(pattern);
  });

  it('no metadata at all: a runner on esbuild, or no @injectable', () => {
    class Plain {
      constructor(readonly greeter: Greeter) {}
    }
    expect(unknownParameter(Plain)).toMatch(
      /parameter 0 of Plain\(\?\) cannot be injected: no types were recorded.*@injectable\(\).*"emitDecoratorMetadata".*esbuild.*@inject\(Service\)/s,
    );
  });

  it('an injectable subclass without constructor that does not say where its parameters come from', () => {
    @injectable()
    class Base {
      constructor(readonly greeter: Greeter) {}
    }
    @injectable()
    class Derived extends Base {}
    @injectable()
    @injectFromBase({ extendConstructorArguments: true })
    class Told extends Base {}
    const bindings: Bindings = (container) => container.bind(Greeter).toSelf();
    expect(problemsOf(Told, bindings)).toEqual([]);
    expect(problemsOf(Derived, bindings)).toEqual([
      expect.stringMatching(/parameter 0 of Derived\(\?\).*class Base.*@injectFromBase/s),
    ]);

    class Between extends Base {}
    @Worker('far')
    class Far extends Between {
      execute(): void {}
    }
    const [problem, ...others] = problemsOf(Far, bindings);
    expect(others).toEqual([]);
    expect(problem).toContain('the constructor is that of class Base');
    expect(problem).toContain('Fixes: (1) decorate class Between with @injectable() and @injectFromBase(');
  });
});
