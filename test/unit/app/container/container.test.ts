import 'reflect-metadata';
import { ContainerModule, inject, injectable, optional, postConstruct, preDestroy } from 'inversify';
import { beforeEach, describe, expect, it, test, onTestFinished, vi } from 'vitest';
import { ConfigurationError, TuttiError } from '../../../../src/core/errors.js';
import { Logger } from '../../../../src/core/logger.js';
import { WorkerContainer, type ContainerOptions } from '../../../../src/app/container/container.js';
import type { Task } from '../../../../src/conductor/wire/types.js';
import { TaskInterceptor, type ExecuteNext } from '../../../../src/worker/execution/task-interceptor.js';
import { catalogEntry, type CatalogEntry } from '../../../../src/app/discovery/worker-catalog.js';
import { functionWorker } from '../../../../src/worker/definition/function-worker.js';
import { Worker } from '../../../../src/worker/definition/worker.decorator.js';
import type { TaskContext } from '../../../../src/worker/execution/task-context.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

/** What happened, in order: `+Name` made, `-Name` closed. */
let events: string[] = [];
beforeEach(() => (events = []));

abstract class Tracked {
  constructor() {
    events.push(`+${this.constructor.name}`);
  }
}

@injectable()
class Database extends Tracked {
  @preDestroy()
  close(): void {
    events.push('-Database');
  }
}

@injectable()
class Session extends Tracked {
  constructor(readonly database: Database) {
    super();
  }
  @preDestroy()
  async close(): Promise<void> {
    await Promise.resolve();
    events.push('-Session');
  }
}

@Worker('greet')
class GreetWorker extends Tracked {
  readonly pollInterval = 77;
  constructor(
    readonly session: Session,
    readonly database: Database,
  ) {
    super();
  }
  execute(): object {
    return this;
  }
  @preDestroy()
  close(): void {
    events.push('-GreetWorker');
  }
}

@injectable()
class Clock {}

const context = {} as TaskContext;

function entryOf(worker: unknown): CatalogEntry {
  return catalogEntry(worker)!;
}

function containerWith(...modules: ContainerModule[]): WorkerContainer {
  return new WorkerContainer({ modules, logger: new RecordingLogger() });
}

const unscoped = new ContainerModule(({ bind }) => {
  bind(Database).toSelf();
  bind(Session).toSelf();
});
const singleDatabase = new ContainerModule(({ bind }) => {
  bind(Database).toSelf().inSingletonScope();
  bind(Session).toSelf();
});

async function runTask(source: Awaited<ReturnType<WorkerContainer['build']>>['source']): Promise<unknown> {
  const { worker, release } = await source.acquire(makeTask());
  const made = await worker.execute(makeTask(), context);
  await release();
  return made;
}

describe('scope process', () => {
  it('builds one object that executes every task, and closes it with everything else', async () => {
    const container = containerWith(unscoped);
    const { source, instance } = await container.build(entryOf(GreetWorker), 'process');
    expect(events).toEqual(['+Database', '+Session', '+GreetWorker']);
    const worker = source.shared;
    expect(worker).toBeInstanceOf(GreetWorker);
    expect(instance.executable).toBe(worker);
    expect(instance.members.pollInterval).toBe(77);
    expect(await runTask(source)).toBe(worker);
    expect(await runTask(source)).toBe(worker);
    expect(events).toHaveLength(3);
    await container.close();
    expect(events.slice(3)).toEqual(['-GreetWorker', '-Session', '-Database']);
  });

  it('closes the last made first, whatever the order of the bindings, and waits for each', async () => {
    const TOKEN = Symbol('pool');
    class Pool {
      close(): void {
        events.push('-pool');
      }
    }
    @injectable()
    class Cache extends Tracked {
      constructor(@inject(TOKEN) readonly pool: Pool) {
        super();
      }
      @preDestroy()
      async flush(): Promise<void> {
        await new Promise((resolve) => setTimeout(resolve, 5));
        events.push('-Cache');
      }
    }
    const bindings = new ContainerModule(({ bind }) => {
      bind(TOKEN)
        .toDynamicValue(() => Promise.resolve(new Pool()))
        .inSingletonScope()
        .onDeactivation((pool) => (pool as Pool).close());
      bind(Cache).toSelf();
      bind(Database).toSelf();
    });
    const container = containerWith(bindings);
    const needed = [Database, Cache];
    await container.build(entryOf(functionWorker('f', () => 1, { inject: needed })), 'process');
    events = [];
    await container.close();
    expect(events).toHaveLength(3);
    expect(events.indexOf('-Cache')).toBeLessThan(events.indexOf('-pool'));
  });

  it('goes on after a while when closing one of them hangs', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    @injectable()
    class Hanging {
      constructor(readonly database: Database) {}
      @preDestroy()
      close(): Promise<void> {
        return new Promise(() => undefined);
      }
    }
    const bindings = new ContainerModule(({ bind }) => {
      bind(Hanging).toSelf();
      bind(Database).toSelf();
    });
    const container = containerWith(bindings);
    await container.build(entryOf(functionWorker('f', () => 1, { inject: [Hanging] })), 'process');
    void container.close();
    await vi.advanceTimersByTimeAsync(1_900);
    expect(events).toEqual(['+Database']);
    await vi.advanceTimersByTimeAsync(200);
    expect(events).toEqual(['+Database', '-Database']);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('will not close');
      },
    ],
    ['rejects', () => Promise.reject(new Error('will not close'))],
  ])('a @preDestroy that %s is told with its class once all others have ended', async (_title, close) => {
    @injectable()
    class Stubborn {
      @preDestroy()
      close(): unknown {
        return close();
      }
    }
    @injectable()
    class Slow {
      @preDestroy()
      async close(): Promise<void> {
        await new Promise((resolve) => setImmediate(resolve));
        events.push('-Slow');
      }
    }
    const bindings = new ContainerModule(({ bind }) => {
      for (const service of [Stubborn, Slow]) bind<object>(service).toSelf();
    });
    const container = containerWith(bindings);
    await container.build(entryOf(functionWorker('f', () => 1, { inject: [Stubborn, Slow] })), 'process');
    await expect(container.close()).rejects.toThrow('closing Stubborn failed: will not close');
    expect(events).toEqual(['-Slow']);
  });

  it('shares services between the workers of a process', async () => {
    @Worker('other')
    class OtherWorker {
      constructor(readonly database: Database) {}
      execute(): object {
        return this.database;
      }
    }
    const container = containerWith(unscoped);
    const one = await container.build(entryOf(GreetWorker), 'process');
    const two = await container.build(entryOf(OtherWorker), 'process');
    expect(await runTask(two.source)).toBe((one.source.shared as GreetWorker).database);
  });

  it('leaves a worker that the application binds itself as it is bound', async () => {
    const own = new GreetWorker(new Session(new Database()), new Database());
    const container = containerWith(
      new ContainerModule(({ bind }) => void bind(GreetWorker).toConstantValue(own)),
    );
    expect((await container.build(entryOf(GreetWorker), 'process')).source.shared).toBe(own);
  });
});

describe('scope task', () => {
  it('builds a graph for each task, shared within it, and closes it: the last made first', async () => {
    const container = containerWith(unscoped);
    const { source } = await container.build(entryOf(GreetWorker), 'task');
    expect(source.shared).toBeUndefined();
    events = [];
    const one = (await runTask(source)) as GreetWorker;
    expect(events).toEqual([
      '+Database',
      '+Session',
      '+GreetWorker',
      '-GreetWorker',
      '-Session',
      '-Database',
    ]);
    expect(one.session.database).toBe(one.database);
    const two = (await runTask(source)) as GreetWorker;
    expect(two).not.toBe(one);
    expect(two.database).not.toBe(one.database);
  });

  it('shares singletons with all tasks, and closes them with the process', async () => {
    const container = containerWith(singleDatabase);
    const { source } = await container.build(entryOf(GreetWorker), 'task');
    events = [];
    const [one, two] = [(await runTask(source)) as GreetWorker, (await runTask(source)) as GreetWorker];
    expect(one.database).toBe(two.database);
    expect(events.filter((event) => event.includes('Database'))).toEqual([]);
    await container.close();
    expect(events.filter((event) => event.includes('Database'))).toEqual(['-Database']);
  });

  it('leaves nothing open of what it built to try whether it can be built', async () => {
    await containerWith(unscoped).build(entryOf(GreetWorker), 'task');
    const count = (mark: string): number => events.filter((event) => event.startsWith(mark)).length;
    expect(count('+')).toBeGreaterThan(0);
    expect(count('-')).toBe(count('+'));
  });

  it('keeps the graphs of tasks that run at the same time apart', async () => {
    const { source } = await containerWith(unscoped).build(entryOf(GreetWorker), 'task');
    const [one, two] = await Promise.all([source.acquire(makeTask()), source.acquire(makeTask())]);
    const [first, second] = [
      one.worker.execute(makeTask(), context),
      two.worker.execute(makeTask(), context),
    ];
    expect((first as GreetWorker).database).not.toBe((second as GreetWorker).database);
    events = [];
    await one.release();
    expect(events).toEqual(['-GreetWorker', '-Session', '-Database']);
  });

  it('closes what was made when the rest of a graph cannot be made', async () => {
    let mayFail = false;
    @Worker('fragile')
    class FragileWorker {
      constructor(readonly session: Session) {
        if (mayFail) throw new Error('no more');
      }
      execute(): void {}
    }
    const { source } = await containerWith(unscoped).build(entryOf(FragileWorker), 'task');
    mayFail = true;
    events = [];
    await expect(source.acquire(makeTask())).rejects.toThrow('no more');
    expect(events).toEqual(['+Database', '+Session', '-Session', '-Database']);
  });

  it('closes an object once, by whatever names it is known', async () => {
    @Worker('alias')
    class AliasWorker {
      constructor(
        readonly database: Database,
        @inject('the database') readonly same: Database,
      ) {}
      execute(): object {
        return this;
      }
    }
    const aliases = new ContainerModule(({ bind }) => {
      bind(Database).toSelf();
      bind('the database').toService(Database);
    });
    const { source } = await containerWith(aliases).build(entryOf(AliasWorker), 'task');
    events = [];
    const made = (await runTask(source)) as AliasWorker;
    expect(made.same).toBe(made.database);
    expect(events).toEqual(['+Database', '-Database']);
  });

  it('a @preDestroy that throws is logged, and the others are called', async () => {
    @injectable()
    class Stubborn {
      constructor(readonly database: Database) {}
      @preDestroy()
      close(): void {
        throw new Error('will not close');
      }
    }
    @Worker('stubborn')
    class StubbornWorker {
      constructor(readonly stubborn: Stubborn) {}
      execute(): void {}
    }
    const logger = new RecordingLogger();
    const module = new ContainerModule(({ bind }) => {
      bind(Database).toSelf();
      bind(Stubborn).toSelf();
    });
    const container = new WorkerContainer({ modules: [module], logger });
    const { source } = await container.build(entryOf(StubbornWorker), 'task');
    events = [];
    await runTask(source);
    expect(events).toEqual(['+Database', '-Database']);
    expect(logger.at('warn')).toContain('@preDestroy of a service failed');
  });
});

describe('an @injectable() class without a binding', () => {
  test.each(['process', 'task'] as const)('is bound to itself, scope %s', async (scope) => {
    const container = containerWith();
    const { source } = await container.build(entryOf(GreetWorker), scope);
    events = [];
    const worker = (await runTask(source)) as GreetWorker;
    expect(worker.session.database).toBe(worker.database);
    if (scope === 'process') await container.close();
    expect(events.filter((event) => event.startsWith('-'))).toEqual([
      '-GreetWorker',
      '-Session',
      '-Database',
    ]);
  });

  it('is bound to itself for a function worker', async () => {
    const worker = functionWorker('x', (_task, _context, session) => session.database, { inject: [Session] });
    const { source } = await containerWith().build(entryOf(worker), 'process');
    expect(await runTask(source)).toBeInstanceOf(Database);
  });

  it('keeps its scope', async () => {
    @injectable('Transient')
    class Ticket {}
    const worker = functionWorker('x', (_task, _context, one, other) => one === other, {
      inject: [Ticket, Ticket],
    });
    const { source } = await containerWith().build(entryOf(worker), 'process');
    expect(await runTask(source)).toBe(false);
  });

  it('is left alone where a module binds it, or where it is optional', async () => {
    const own = new Database();
    const module = new ContainerModule(({ bind }) => void bind(Database).toConstantValue(own));
    @Worker('x')
    class MayHave {
      constructor(
        readonly session: Session,
        @inject(Clock) @optional() readonly clock: Clock | undefined,
      ) {}
      execute(): unknown[] {
        return [this.session.database, this.clock];
      }
    }
    const { source } = await containerWith(module).build(entryOf(MayHave), 'process');
    expect(await runTask(source)).toEqual([own, undefined]);
  });

  it('is refused with `autobind: false`; a worker needs no binding there either', async () => {
    const container = new WorkerContainer({ modules: [], logger: new RecordingLogger(), autobind: false });
    await expect(container.build(entryOf(GreetWorker), 'process')).rejects.toThrow(
      'parameter 0 of GreetWorker(?, Database) needs Session, but nothing is bound to it. Fix: bind(Session).toSelf() in',
    );
  });

  it('whose parameters are not known is refused', async () => {
    @injectable()
    class Unknown {
      constructor(readonly text: string) {}
    }
    const worker = functionWorker('x', () => 1, { inject: [Unknown] });
    await expect(containerWith().build(entryOf(worker), 'process')).rejects.toThrow(
      'parameter 0 of Unknown(?) cannot be injected: its type is String at run time',
    );
  });
});

describe('interceptors', () => {
  class Given extends TaskInterceptor {
    override execute(_task: Task, _context: TaskContext, next: ExecuteNext): unknown {
      return next();
    }
  }
  @injectable()
  class OfContainer extends Given {
    constructor(readonly database: Database) {
      super();
    }
    @preDestroy()
    close(): void {
      events.push('-OfContainer');
    }
  }
  @injectable()
  class OfModule extends Given {}

  const module = new ContainerModule(({ bind }) => {
    bind(TaskInterceptor).to(OfModule);
    bind(TaskInterceptor).toConstantValue(new Given());
  });
  const withInterceptors = (
    interceptors: NonNullable<ContainerOptions['interceptors']>,
    ...modules: ContainerModule[]
  ) => new WorkerContainer({ modules, logger: new RecordingLogger(), interceptors });

  test.each(['process', 'task'] as const)(
    'are those that were given, then those of modules; made once and closed at the end, scope %s',
    async (scope) => {
      const given = new Given();
      const container = withInterceptors([OfContainer, given], module);
      const made = await container.interceptors(scope);
      expect(made.map((one) => one.constructor)).toEqual([OfContainer, Given, OfModule, Given]);
      expect(made[1]).toBe(given);
      expect((made[0] as OfContainer).database).toBeInstanceOf(Database);
      expect(await container.interceptors(scope)).toBe(made);
      events = [];
      await container.close();
      expect(events).toEqual(['-OfContainer', '-Database']);
    },
  );

  it('bound to the class of another copy of the package are found, too', async () => {
    vi.resetModules();
    onTestFinished(() => void vi.resetModules());
    const copy = await import('../../../../src/worker/execution/task-interceptor.js');
    const own = new Given();
    const bound = new ContainerModule(({ bind }) => void bind(copy.TaskInterceptor).toConstantValue(own));
    expect(await withInterceptors([], bound).interceptors('process')).toEqual([own]);
  });

  it('that need what is not bound, or are none, are refused', async () => {
    @injectable()
    class Needy extends Given {
      constructor(@inject('limits') readonly limits: unknown) {
        super();
      }
    }
    await expect(withInterceptors([Needy]).interceptors('process')).rejects.toThrow(
      "the interceptors cannot be built: parameter 0 of Needy(?) needs 'limits', but nothing is bound to it",
    );
    const wrong = new ContainerModule(({ bind }) => {
      bind(TaskInterceptor).toConstantValue({} as TaskInterceptor);
    });
    await expect(withInterceptors([], wrong).interceptors('process')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('no execute(task, context, next) method'),
    });
  });
});

describe('function workers', () => {
  test.each(['process', 'task'] as const)(
    'get their services after task and context, scope %s',
    async (scope) => {
      const worker = functionWorker(
        'x',
        (task, _context, session, database) => [task.taskId, session, database],
        {
          inject: [Session, Database],
        },
      );
      const { source, instance } = await containerWith(singleDatabase).build(entryOf(worker), scope);
      expect(instance.members).toEqual({});
      expect(await runTask(source)).toEqual(['task-1', expect.any(Session), expect.any(Database)]);
    },
  );

  it('share one graph within a task', async () => {
    const worker = functionWorker(
      'x',
      (_task, _context, session, database) => session.database === database,
      {
        inject: [Session, Database],
      },
    );
    const { source } = await containerWith(unscoped).build(entryOf(worker), 'task');
    expect(await runTask(source)).toBe(true);
  });
});

describe('the logger', () => {
  it('can be injected without a binding', async () => {
    const logger = new RecordingLogger();
    const worker = functionWorker('x', (_task, _context, injected) => injected, { inject: [Logger] });
    const { source } = await new WorkerContainer({ modules: [], logger }).build(entryOf(worker), 'process');
    expect(await runTask(source)).toBe(logger);
  });

  it('is the one that the application binds, if it binds one', async () => {
    const own = new RecordingLogger();
    const module = new ContainerModule(({ bind }) => void bind(Logger).toConstantValue(own));
    const worker = functionWorker('x', (_task, _context, injected) => injected, { inject: [Logger] });
    const { source } = await containerWith(module).build(entryOf(worker), 'process');
    expect(await runTask(source)).toBe(own);
  });

  it('is injected for the class of another copy of the package, too', async () => {
    vi.resetModules();
    onTestFinished(() => void vi.resetModules());
    const copy = await import('../../../../src/core/logger.js');
    expect(copy.Logger).not.toBe(Logger);
    const [logger, own] = [new RecordingLogger(), new RecordingLogger()];
    const worker = functionWorker('x', (_task, _context, injected) => injected, { inject: [copy.Logger] });
    const given = await new WorkerContainer({ modules: [], logger }).build(entryOf(worker), 'process');
    expect(await runTask(given.source)).toBe(logger);
    const module = new ContainerModule(({ bind }) => void bind(Logger).toConstantValue(own));
    const bound = await containerWith(module).build(entryOf(worker), 'process');
    expect(await runTask(bound.source)).toBe(own);
  });
});

describe('what cannot be built', () => {
  async function failure(
    worker: unknown,
    scope: 'process' | 'task',
    ...modules: ContainerModule[]
  ): Promise<unknown> {
    return await containerWith(...modules)
      .build(entryOf(worker), scope)
      .then(
        () => expect.unreachable('it was built'),
        (error: unknown) => error,
      );
  }

  class Unmarked {}
  @Worker('needs-unmarked')
  class NeedsUnmarked {
    constructor(readonly unmarked: Unmarked) {}
    execute(): void {}
  }

  test.each(['process', 'task'] as const)(
    'a missing binding is a configuration error, scope %s',
    async (scope) => {
      const error = await failure(NeedsUnmarked, scope);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toMatchObject({
        code: 'DI_UNRESOLVED',
        details: { worker: 'needs-unmarked:NeedsUnmarked' },
      });
      expect((error as Error).message).toBe(
        'worker NeedsUnmarked cannot be built: parameter 0 of NeedsUnmarked(?) needs Unmarked, but nothing is bound to it. ' +
          'Fixes: (1) decorate class Unmarked with @injectable(), (2) bind(Unmarked).toSelf() in a ContainerModule that is given to bootstrap({ modules })',
      );
    },
  );

  it('a missing service of a function worker names the function', async () => {
    const worker = functionWorker('x', function add() {}, { inject: [Unmarked] });
    expect(await failure(worker, 'process')).toMatchObject({
      code: 'DI_UNRESOLVED',
      message: expect.stringContaining('functionWorker add needs Unmarked'),
    });
  });

  test.each(['process', 'task'] as const)(
    'what a constructor throws comes out as it was thrown, scope %s',
    async (scope) => {
      const refused = new TypeError('connection refused');
      @injectable()
      class Broken {
        constructor() {
          throw refused;
        }
      }
      @Worker('needs-broken')
      class NeedsBroken {
        constructor(readonly broken: Broken) {}
        execute(): void {}
      }
      const module = new ContainerModule(({ bind }) => void bind(Broken).toSelf());
      const error = await failure(NeedsBroken, scope, module);
      expect(error).not.toBeInstanceOf(ConfigurationError);
      expect(error).toMatchObject({
        code: 'PROCESS_FAILED',
        message: 'building worker NeedsBroken failed: connection refused',
        cause: refused,
      });
    },
  );

  it('a @postConstruct that throws nothing is no configuration error either', async () => {
    @injectable()
    class Speechless {
      @postConstruct()
      open(): Promise<void> {
        return Promise.reject();
      }
    }
    const module = new ContainerModule(({ bind }) => void bind(Speechless).toSelf());
    const worker = functionWorker('x', function add() {}, { inject: [Speechless] });
    const error = await failure(worker, 'process', module);
    expect(error).toMatchObject({
      code: 'PROCESS_FAILED',
      message: 'building worker add failed: undefined was thrown',
    });
  });

  it('a circular dependency is shown', async () => {
    @injectable()
    class Hen {
      constructor(@inject('egg') readonly egg: object) {}
    }
    @injectable()
    class Egg {
      constructor(readonly hen: Hen) {}
    }
    const module = new ContainerModule(({ bind }) => {
      bind('egg').to(Egg);
      bind(Hen).toSelf();
    });
    const worker = functionWorker('x', function add() {}, { inject: [Hen] });
    const error = await failure(worker, 'process', module);
    expect(error).toMatchObject({ code: 'DI_UNRESOLVED' });
    expect((error as Error).message).toMatch(/these services need each other: Hen → Egg → Hen\. Fixes: /);
  });

  it('errors of the package itself are not wrapped: a missing library stays what it is', async () => {
    const missing = new ConfigurationError('NATIVE_LIBRARY_MISSING', 'no libsum.so');
    @Worker('native')
    class NativeWorker {
      constructor() {
        throw missing;
      }
      execute(): void {}
    }
    expect(await failure(NativeWorker, 'process')).toBe(missing);
  });

  it('an asynchronous @postConstruct that rejects', async () => {
    @Worker('late')
    class LateWorker {
      @postConstruct()
      async connect(): Promise<void> {
        await Promise.resolve();
        throw new Error('no route to host');
      }
      execute(): void {}
    }
    expect(await failure(LateWorker, 'process')).toMatchObject({
      code: 'PROCESS_FAILED',
      message: 'building worker LateWorker failed in LateWorker.connect(): no route to host',
    });
  });

  it('a constructor that throws, of a service further down', async () => {
    @injectable()
    class Pool {
      constructor() {
        throw new Error('no such host');
      }
    }
    @injectable()
    class Repository {
      constructor(readonly pool: Pool) {}
    }
    @Worker('store')
    class StoreWorker {
      constructor(readonly repository: Repository) {}
      execute(): void {}
    }
    const module = new ContainerModule(({ bind }) => {
      bind(Pool).toSelf();
      bind(Repository).toSelf();
    });
    expect(await failure(StoreWorker, 'process', module)).toMatchObject({
      code: 'PROCESS_FAILED',
      message: 'building worker StoreWorker failed in the constructor of Pool: no such host',
    });
  });

  it('a module that throws, also later', async () => {
    const module = new ContainerModule(async () => {
      await Promise.resolve();
      throw new Error('no settings');
    });
    expect(await failure(GreetWorker, 'process', module)).toMatchObject({
      code: 'PROCESS_FAILED',
      message: 'building worker GreetWorker failed: no settings',
    });
  });

  it('a module that binds a class of which nothing is recorded', async () => {
    class Plain {
      constructor(readonly database: Database) {}
    }
    const module = new ContainerModule(({ bind }) => void bind(Plain).toSelf());
    const error = await failure(GreetWorker, 'process', module);
    expect(error).toMatchObject({
      code: 'DI_UNRESOLVED',
      message: expect.stringMatching(/the constructor of Plain, .*@injectable\(\).*esbuild/s),
    });
    expect(error).toBeInstanceOf(ConfigurationError);
  });

  it('services that need each other', async () => {
    @Worker('circle')
    class Circle {
      constructor(@inject('other') readonly other: unknown) {}
      execute(): void {}
    }
    const module = new ContainerModule(({ bind }) => {
      bind(Circle).toSelf();
      bind('other').toService(Circle);
    });
    const error = await failure(Circle, 'process', module);
    expect(error).toMatchObject({
      code: 'DI_UNRESOLVED',
      message: expect.stringContaining('need each other: Circle → Circle'),
    });
    expect(TuttiError.is(error)).toBe(true);
  });
});

describe('close', () => {
  it('closes the services of both scopes, also when one of them fails to close', async () => {
    @injectable()
    class Jammed {
      @preDestroy()
      close(): void {
        throw new Error('jammed');
      }
    }
    @Worker('jammed')
    class JammedWorker {
      constructor(readonly jammed: Jammed) {}
      execute(): void {}
    }
    const module = new ContainerModule(({ bind }) => {
      bind(Jammed).toSelf();
      bind(Database).toSelf().inSingletonScope();
      bind(Session).toSelf();
    });
    const container = containerWith(module);
    await container.build(entryOf(JammedWorker), 'process');
    await container.build(entryOf(GreetWorker), 'task');
    events = [];
    await expect(container.close()).rejects.toThrow(/jammed/);
    expect(events).toContain('-Database');
  });
});
