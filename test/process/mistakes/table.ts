import type { Mistake } from '../../support/mistakes.js';

/** Of a worker whose constructor throws 20 calls deep: one stack has 8 lines. */
function stackOf(replica: string): string[] {
  const calls = Array<string>(6).fill('    at open (<folder>/main.js:15:5)');
  return ['', `${replica}:`, '    at open (<folder>/main.js:14:15)', ...calls, '    …'];
}

/**
 * Mistakes that beginners make, as the programs that make them, each with the lines that it gets. New ones belong here: what
 * a program prints is its first documentation.
 */
export const MISTAKES: readonly Mistake[] = [
  {
    title: 'a service that no module binds and that is not injectable, needed by two workers',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { ContainerModule, inject, injectable, named, tagged } from 'inversify';
class Clock {}
@injectable()
class Pricing {
  constructor(readonly clock: Clock) {}
}
@Worker('order')
class OrderWorker {
  constructor(readonly pricing: Pricing) {}
  execute() {}
}
@Worker('invoice')
class InvoiceWorker {
  constructor(readonly pricing: Pricing) {}
  execute() {}
}
const modules = [new ContainerModule(({ bind }) => void bind(Pricing).toSelf())];
await bootstrap({ workers: [OrderWorker, InvoiceWorker], modules });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 2 worker processes did not get ready:',
      '- order:OrderWorker#1, invoice:InvoiceWorker#1: parameter 0 of Pricing(?) needs Clock, but nothing is bound to it. Fixes: (1) decorate class Clock with @injectable(), (2) bind(Clock).toSelf() in a ContainerModule that is given to bootstrap({ modules })',
    ],
  },
  {
    title: 'a name that no binding has',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { ContainerModule, inject, injectable, named, tagged } from 'inversify';
abstract class Payment {}
@injectable()
class Card extends Payment {}
@Worker('pay')
class PayWorker {
  constructor(@inject(Payment) @named('cart') readonly payment: Payment) {}
  execute() {}
}
const modules = [new ContainerModule(({ bind }) => void bind(Payment).to(Card).whenNamed('card'))];
await bootstrap({ workers: [PayWorker], modules });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      "- pay:PayWorker#1: parameter 0 of PayWorker(?) needs Payment named 'cart', but it is bound only named 'card'; did you mean 'card'? Fixes: (1) ask for one of those with @named, (2) bind(Payment).to(…).whenNamed('cart') in a ContainerModule that is given to bootstrap({ modules })",
    ],
  },
  {
    title: 'a tag that no binding has',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { ContainerModule, inject, injectable, named, tagged } from 'inversify';
abstract class Payment {}
@injectable()
class Card extends Payment {}
@Worker('pay')
class PayWorker {
  constructor(@inject(Payment) @tagged('kind', 'cash') readonly payment: Payment) {}
  execute() {}
}
const modules = [new ContainerModule(({ bind }) => void bind(Payment).to(Card).whenTagged('kind', 'card'))];
await bootstrap({ workers: [PayWorker], modules });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      "- pay:PayWorker#1: parameter 0 of PayWorker(?) needs Payment tagged 'kind' = 'cash', but it is bound only tagged 'kind' = 'card'. Fixes: (1) ask for one of those with @tagged, (2) bind(Payment).to(…).whenTagged('kind', 'cash') in a ContainerModule that is given to bootstrap({ modules })",
    ],
  },
  {
    title: '@named without @inject',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { ContainerModule, inject, injectable, named, tagged } from 'inversify';
abstract class Payment {}
@Worker('pay')
class PayWorker {
  constructor(@named('card') readonly payment: Payment) {}
  execute() {}
}
await bootstrap({ workers: [PayWorker] });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      "- pay:PayWorker#1: parameter 0 of PayWorker(?) has @named('card') but no @inject. Fix: @inject(Payment) @named('card')",
    ],
  },
  {
    title: 'an interface as the type of a parameter',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
interface Clock {
  now(): number;
}
@Worker('order')
class OrderWorker {
  constructor(readonly clock: Clock) {}
  execute() {}
}
await bootstrap({ workers: [OrderWorker] });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      '- order:OrderWorker#1: parameter 0 of OrderWorker(?) cannot be injected: its type is Object at run time. Fixes: (1) import the class with `import { … }`, not `import type { … }`, (2) an interface or a primitive has no run-time type: name the service with @inject(Token)',
    ],
  },
  {
    title: 'a service that is imported with `import type`',
    files: {
      'clock.ts': `export class Clock {}
`,
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import type { Clock } from './clock.js';
@Worker('order')
class OrderWorker {
  constructor(readonly clock: Clock) {}
  execute() {}
}
await bootstrap({ workers: [OrderWorker] });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      '- order:OrderWorker#1: parameter 0 of OrderWorker(?) cannot be injected: its type is Function at run time. Fixes: (1) import the class with `import { … }`, not `import type { … }`, (2) an interface or a primitive has no run-time type: name the service with @inject(Token)',
    ],
  },
  {
    title: 'a compiler that emits no decorator metadata',
    files: {
      'main.js': `import { bootstrap, functionWorker, Worker } from 'tutti';
class Clock {}
class OrderWorker {
  constructor(clock) {
    this.clock = clock;
  }
  execute() {}
}
Worker('order')(OrderWorker);
await bootstrap({ workers: [OrderWorker] });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      '- order:OrderWorker#1: parameter 0 of OrderWorker(?) cannot be injected: no types were recorded for the constructor. Fixes: (1) decorate class OrderWorker with @injectable() (or @Worker), (2) set "experimentalDecorators" and "emitDecoratorMetadata" in tsconfig.json and compile with tsc, swc or @oxc-node/core: esbuild, tsx and vite 7 emit no decorator metadata, (3) or name the service: @inject(Service)',
    ],
  },
  {
    title: 'a service without @injectable',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { ContainerModule, inject, injectable, named, tagged } from 'inversify';
class Clock {}
class Pricing {
  constructor(readonly clock: Clock) {}
}
@Worker('order')
class OrderWorker {
  constructor(readonly pricing: Pricing) {}
  execute() {}
}
const modules = [new ContainerModule(({ bind }) => void bind(Pricing).toSelf())];
await bootstrap({ workers: [OrderWorker], modules });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      '- order:OrderWorker#1: no types were recorded for the constructor of Pricing, which a module binds. Fixes: (1) decorate the class with @injectable(), (2) compile with "experimentalDecorators" and "emitDecoratorMetadata" by tsc, swc or @oxc-node/core: esbuild, tsx and vite 7 emit no decorator metadata',
    ],
  },
  {
    title: 'services that need each other',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { ContainerModule, inject, injectable, named, tagged } from 'inversify';
@injectable()
class Hen {
  constructor(@inject('egg') readonly egg: unknown) {}
}
@injectable()
class Egg {
  constructor(readonly hen: Hen) {}
}
@Worker('farm')
class FarmWorker {
  constructor(readonly hen: Hen) {}
  execute() {}
}
const modules = [
  new ContainerModule(({ bind }) => {
    bind('egg').to(Egg);
    bind(Hen).toSelf();
  }),
];
await bootstrap({ workers: [FarmWorker], modules });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      '- farm:FarmWorker#1: these services need each other: Hen → Egg → Hen. Fixes: (1) move what both need into a third class, (2) inject a factory that is asked when the service is needed',
    ],
  },
  {
    title: 'a constructor that throws',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { ContainerModule, inject, injectable, named, tagged } from 'inversify';
@injectable()
class Database {
  constructor() {
    throw new Error('DATABASE_URL is not set');
  }
}
@Worker('store')
class StoreWorker {
  constructor(readonly database: Database) {}
  execute() {}
}
const modules = [new ContainerModule(({ bind }) => void bind(Database).toSelf())];
await bootstrap({ workers: [StoreWorker, functionWorker('load', () => 1, { name: 'load', inject: [Database] })], modules });
`,
    },
    exitCode: 1,
    lines: [
      'TuttiError [STARTUP_FAILED]: 2 worker processes did not get ready:',
      '- store:StoreWorker#1: building worker StoreWorker failed in the constructor of Database: DATABASE_URL is not set',
      '- load:load#1: building worker load failed in the constructor of Database: DATABASE_URL is not set',
      '',
      'store:StoreWorker#1, load:load#1:',
      '    at new Database (',
    ],
  },
  {
    title: 'three constructors that throw, each deep down in another place',
    files: {
      'main.ts': `import { bootstrap, Worker } from 'tutti';
Error.stackTraceLimit = 50;
function open(depth: number, what: string): void {
  if (depth === 0) throw new Error('no ' + what);
  open(depth - 1, what);
}
@Worker('order')
class OrderWorker {
  constructor() {
    open(20, 'database');
  }
  execute() {}
}
@Worker('invoice')
class InvoiceWorker {
  constructor() {
    open(20, 'printer');
  }
  execute() {}
}
@Worker('mail')
class MailWorker {
  constructor() {
    open(20, 'post office');
  }
  execute() {}
}
await bootstrap({ workers: [OrderWorker, InvoiceWorker, MailWorker] });
`,
    },
    exitCode: 1,
    lines: [
      'TuttiError [STARTUP_FAILED]: 3 worker processes did not get ready:',
      '- order:OrderWorker#1: building worker OrderWorker failed in the constructor of OrderWorker: no database',
      '- invoice:InvoiceWorker#1: building worker InvoiceWorker failed in the constructor of InvoiceWorker: no printer',
      '- mail:MailWorker#1: building worker MailWorker failed in the constructor of MailWorker: no post office',
      ...stackOf('order:OrderWorker#1'),
      ...stackOf('invoice:InvoiceWorker#1'),
      // All stacks together have 24 lines.
      ...stackOf('mail:MailWorker#1').slice(0, 4),
      '…',
    ],
  },
  {
    title: 'a promise that is rejected in a constructor and that nobody waits for',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('store')
class StoreWorker {
  constructor() {
    void this.connect();
  }
  async connect() {
    throw new TypeError('no such host');
  }
  execute() {}
}
await bootstrap({ workers: [StoreWorker] });
`,
    },
    lines: ['ERROR unhandled rejection in a worker process: no such host'],
  },
  {
    title: 'a misspelled execute, a wrong option and an unknown one: three mistakes in one error',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet', { concurrency: 0 })
class GreetWorker {
  exceute() {}
}
await bootstrap({ workers: [GreetWorker], stopGarce: 5 });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [CONFIG_INVALID]: 3 problems:',
      '- bootstrap(): unknown option `stopGarce`, did you mean `stopGrace`?',
      "- @Worker('greet') on class GreetWorker: expected `concurrency` to be an integer from 1 to 10000, got 0 (number)",
      "- @Worker('greet') on class GreetWorker: the class has no execute(task, context) method",
    ],
  },
  {
    title: 'a function that is not wrapped',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
function greet() {
  return {};
}
await bootstrap({ workers: [greet] });
`,
    },
    exitCode: 78,
    lines: [
      "ConfigurationError [WORKER_INVALID]: bootstrap({ workers }): entry 0: function greet must be wrapped: functionWorker('<task type>', greet)",
    ],
  },
  {
    title: 'an object in the place of its class',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
await bootstrap({ workers: [new GreetWorker()] });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [WORKER_INVALID]: bootstrap({ workers }): entry 0: expected a class with @Worker or a functionWorker(), got an instance of GreetWorker; give the class itself',
    ],
  },
  {
    title: 'a subclass without a decorator of its own',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
class LoudWorker extends GreetWorker {}
await bootstrap({ workers: [LoudWorker] });
`,
    },
    exitCode: 78,
    lines: [
      "ConfigurationError [WORKER_INVALID]: bootstrap({ workers }): entry 0: class LoudWorker has no @Worker decorator of its own; add @Worker('<task type>')",
    ],
  },
  {
    title: 'a class with two @Worker decorators',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
@Worker('wave')
class GreetWorker {
  execute() {}
}
await bootstrap({ workers: [GreetWorker] });
`,
    },
    exitCode: 78,
    lines: ['ConfigurationError [WORKER_INVALID]: @Worker is applied twice to class GreetWorker; keep one'],
  },
  {
    title: 'the same class twice',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
await bootstrap({ workers: [GreetWorker, GreetWorker] });
`,
    },
    exitCode: 78,
    lines: [
      "ConfigurationError [WORKER_DUPLICATE]: two workers for task type 'greet' have the name GreetWorker (listed, from <folder>/main.js; listed, from <folder>/main.js). If it is one worker, list it once, and set `processes` for more processes. If there are two, give one of them another name: @Worker('…', { name: '…' })",
    ],
  },
  {
    title: 'two workers with the same name',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
const workers = [
  functionWorker('greet', () => 1, { name: 'hello' }),
  functionWorker('greet', () => 2, { name: 'hello' }),
];
await bootstrap({ workers });
`,
    },
    exitCode: 78,
    lines: [
      "ConfigurationError [WORKER_DUPLICATE]: two workers for task type 'greet' have the name hello (listed, from <folder>/main.js; listed, from <folder>/main.js). If it is one worker, list it once, and set `processes` for more processes. If there are two, give one of them another name: @Worker('…', { name: '…' })",
    ],
  },
  {
    title: 'no workers at all',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
await bootstrap({});
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [CONFIG_INVALID]: bootstrap(): there are no workers; give `workers` or `discover`',
    ],
  },
  {
    title: 'a variable with a wrong value',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
await bootstrap({ workers: [GreetWorker] });
`,
    },
    env: { CONDUCTOR_WORKER_GREET_CONCURRENCY: 'many' },
    exitCode: 78,
    lines: [
      'ConfigurationError [CONFIG_INVALID]: environment: expected CONDUCTOR_WORKER_GREET_CONCURRENCY to be an integer from 1 to 10000, got "many" (string)',
    ],
  },
  {
    title: 'a variable for a worker that is not there',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
await bootstrap({ workers: [GreetWorker] });
`,
    },
    env: { CONDUCTOR_WORKER_GRET_CONCURRENCY: '5' },
    lines: [
      'WARN  CONDUCTOR_WORKER_GRET_CONCURRENCY is set, but no worker has it; did you mean CONDUCTOR_WORKER_GREET_CONCURRENCY?',
    ],
  },
  {
    title: 'an address without http',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
await bootstrap({ workers: [GreetWorker] });
`,
    },
    env: { CONDUCTOR_SERVER_URL: 'localhost:8080/api' },
    exitCode: 78,
    lines: [
      'ConfigurationError [CONFIG_INVALID]: connection: expected `serverUrl` (CONDUCTOR_SERVER_URL) to be an http or https address such as http://localhost:8080/api, got "localhost:8080/api" (string)',
    ],
  },
  {
    title: 'a task type that the server does not know',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('gret')
class GreetWorker {
  execute() {}
}
await bootstrap({ workers: [GreetWorker] });
`,
    },
    lines: [
      "WARN  the server has no definition of the task type 'gret' of worker gret:GreetWorker; did you mean 'greet'?",
    ],
  },
  {
    title: 'a pattern of `discover` that matches TypeScript',
    files: {
      'workers/greet.worker.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
`,
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
await bootstrap({ discover: 'src/*.worker.ts' });
`,
    },
    exitCode: 78,
    lines: [
      "ConfigurationError [DISCOVERY_FAILED]: discover: no file matches 'src/*.worker.ts' below <folder>. The patterns are relative to the folder of the entry file, and must match what runs: the compiled .js files",
    ],
  },
  {
    title: 'a discovered class that is not exported, beside one that is',
    files: {
      'workers/greet.worker.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
@Worker('wave')
export class WaveWorker {
  execute() {}
}
`,
      'workers/helper.worker.ts': `export const answer = 42;
`,
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
await bootstrap({ discover: 'workers/*.worker.js' });
`,
    },
    lines: [
      'WARN  discover: workers/greet.worker.js: WaveWorker (wave); GreetWorker (greet) is declared but not exported; add `export`',
      'WARN  discover: workers/helper.worker.js: no worker; it exports answer',
    ],
  },
  {
    title: 'discovered files without a worker',
    files: {
      'workers/greet.worker.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
`,
      'workers/helper.worker.ts': `export const answer = 42;
`,
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
await bootstrap({ discover: 'workers/*.worker.js' });
`,
    },
    exitCode: 78,
    lines: [
      "ConfigurationError [DISCOVERY_FAILED]: discover: 2 files match 'workers/*.worker.js', but none exports a class with @Worker or a functionWorker():",
      '- workers/greet.worker.js: GreetWorker (greet) is declared but not exported; add `export`',
      '- workers/helper.worker.js: no worker; it exports answer',
    ],
  },
  {
    title: 'a discovered file that throws',
    files: {
      'workers/greet.worker.ts': `throw new Error('SECRET is not set');
`,
      'workers/wave.worker.ts': `import './gone.js';
`,
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
await bootstrap({ discover: 'workers/*.worker.js' });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [DISCOVERY_FAILED]: discover: 2 files:',
      '- workers/greet.worker.js cannot be imported: SECRET is not set',
      "- workers/wave.worker.js cannot be imported: Cannot find module '<folder>/workers/gone.js' imported from <folder>/workers/wave.worker.js",
      '',
      '    at <folder>/workers/greet.worker.js:1:7',
    ],
  },
  {
    title: 'a circular import',
    files: {
      'a.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { B } from './b.js';
@Worker('a')
export class A {
  constructor(readonly b: B) {}
  execute() {}
}
`,
      'b.ts': `import { injectable } from 'inversify';
import { A } from './a.js';
@injectable()
export class B {
  constructor(readonly a: A) {}
}
`,
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { A } from './a.js';
await bootstrap({ workers: [A] });
`,
    },
    exitCode: 1,
    lines: [
      'A is used before its file has run, usually because two files import each other. Move what both need into a third file',
    ],
  },
  {
    title: 'a main file that listens on a port before bootstrap()',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { createServer } from 'node:http';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
createServer().listen(fileURLToPath(new URL('socket', import.meta.url)));
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
await bootstrap({ workers: [GreetWorker, functionWorker('wave', () => 1, { name: 'wave' })] });
`,
    },
    exitCode: 1,
    lines: [
      'TuttiError [STARTUP_FAILED]: 2 worker processes did not get ready:',
      '- greet:GreetWorker#1, wave:wave#1: the main file failed before bootstrap(): bind EADDRINUSE <folder>/socket',
      '',
      'Worker processes run the main file too, up to bootstrap(). Move what only the main process should do (listening on a port, for example) below bootstrap(), or guard it: if (!isWorkerProcess()) { … }',
    ],
  },
  {
    title: 'a main file that takes a lock before bootstrap()',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { mkdirSync } from 'node:fs';
mkdirSync(new URL('lock', import.meta.url));
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
const wave = functionWorker('wave', () => 1, { name: 'wave' });
await bootstrap({ workers: [GreetWorker, wave] });
`,
    },
    exitCode: 1,
    lines: [
      'TuttiError [STARTUP_FAILED]: 2 worker processes did not get ready:',
      "- greet:GreetWorker#1, wave:wave#1: the main file failed before bootstrap(): EEXIST: file already exists, mkdir '<folder>/lock'",
      '',
      'Worker processes run the main file too, up to bootstrap(). Move what only the main process should do (listening on a port, for example) below bootstrap(), or guard it: if (!isWorkerProcess()) { … }',
    ],
  },
  {
    title: 'a main file that leaves worker processes',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import cluster from 'node:cluster';
if (cluster.isWorker) process.exit(0);
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
await bootstrap({ workers: [GreetWorker] });
`,
    },
    exitCode: 1,
    lines: [
      'TuttiError [STARTUP_FAILED]: 1 worker process did not get ready:',
      '- greet:GreetWorker#1: exited with code 0 before its main file called bootstrap()',
      '',
      'Worker processes run the main file too, up to bootstrap(). Move what only the main process should do (listening on a port, for example) below bootstrap(), or guard it: if (!isWorkerProcess()) { … }',
    ],
  },
  {
    title: 'workers that depend on the process',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import cluster from 'node:cluster';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
const wave = functionWorker('wave', () => 1, { name: 'wave' });
await bootstrap({ workers: cluster.isPrimary ? [GreetWorker] : [wave] });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      '- greet:GreetWorker#1: this worker process was started for greet:GreetWorker, but bootstrap() was given wave:wave here. The list of workers must be the same in every process: it must not depend on arguments, time or the process',
    ],
  },
  {
    title: 'a missing await, in JavaScript',
    files: {
      'main.js': `import { bootstrap, functionWorker, Worker } from 'tutti';
const greet = functionWorker('greet', () => 1, { name: 'greet' });
const orchestrator = bootstrap({ workers: [greet] });
orchestrator.on('exit', () => {});
`,
    },
    exitCode: 1,
    lines: [
      'TuttiError [ILLEGAL_STATE]: bootstrap() returns a promise, which has no `on`. Fix: const orchestrator = await bootstrap(…)',
      '    at <folder>/main.js:4:14',
    ],
  },
  {
    title: 'bootstrap() in a discovered file',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
await bootstrap({ discover: '*.js' });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [DISCOVERY_FAILED]: discover: main.js cannot be imported: a file that `discover` matches calls bootstrap() while it is imported. Fix: let the patterns match the files with workers only, not the main file',
    ],
  },
  {
    title: 'a native library that is not there',
    files: {
      'main.ts': `import { ContainerModule } from 'inversify';
import { bootstrap, Worker } from 'tutti';
import { native, NativeLibrary } from 'tutti/native';
@NativeLibrary('sun')
class SumLibrary {
  @native('int32_t get_sum(int32_t a, int32_t b)') readonly getSum!: (a: number, b: number) => number;
}
@Worker('sum')
class SumWorker {
  constructor(readonly library: SumLibrary) {}
  execute() {}
}
const modules = [new ContainerModule(({ bind }) => void bind(SumLibrary).toSelf())];
await bootstrap({ workers: [SumWorker], modules });
`,
    },
    exitCode: 78,
    lines: [
      'ConfigurationError [STARTUP_FAILED]: 1 worker process did not get ready:',
      '- sum:SumWorker#1: SumLibrary: the native library "sun" is in none of the places that were tried:',
    ],
  },
  {
    title: 'a module that throws',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
import { ContainerModule, inject, injectable, named, tagged } from 'inversify';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
const modules = [
  new ContainerModule(() => {
    throw new Error('no settings');
  }),
];
await bootstrap({ workers: [GreetWorker], modules });
`,
    },
    exitCode: 1,
    lines: [
      'TuttiError [STARTUP_FAILED]: 1 worker process did not get ready:',
      '- greet:GreetWorker#1: building worker GreetWorker failed: no settings',
    ],
  },
  {
    title: 'an address without /api works',
    files: {
      'main.ts': `import { bootstrap, functionWorker, Worker } from 'tutti';
@Worker('greet')
class GreetWorker {
  execute() {
    return {};
  }
}
await bootstrap({ workers: [GreetWorker] });
`,
    },
    env: { CONDUCTOR_SERVER_URL: '<origin>' },
    lines: ['INFO  main.js has started; its workers poll <url>'],
  },
  {
    title: 'an address where nothing listens',
    files: {
      'main.ts': `import { bootstrap, functionWorker } from 'tutti';
await bootstrap({ workers: [functionWorker('greet', () => 1, { name: 'greet' })] });
`,
    },
    env: { CONDUCTOR_SERVER_URL: 'http://127.0.0.1:9/api' },
    lines: [
      'WARN  a poll failed; trying again replica=greet:greet#1 pid <pid> worker=greet:greet error="GET /tasks/poll/batch/greet?workerid=<id>&count=1&timeout=1: no answer from http://127.0.0.1:9/api: nothing listens there; is the server running? (ECONNREFUSED)" failures=1 delayMs=',
    ],
  },
  {
    title: 'an address where something else answers with a page',
    files: {
      'main.ts': `import { createServer } from 'node:http';
import { once } from 'node:events';
import { bootstrap, functionWorker, isWorkerProcess } from 'tutti';
if (!isWorkerProcess()) {
  const portal = createServer((_request, answer) => {
    answer.writeHead(200, { 'content-type': 'text/html' }).end('<html><title>Sign in</title></html>');
  });
  await once(portal.listen(0, '127.0.0.1'), 'listening');
  process.env['CONDUCTOR_SERVER_URL'] = \`http://127.0.0.1:\${portal.address().port}/api\`;
}
await bootstrap({ workers: [functionWorker('greet', () => 1, { name: 'greet' })] });
`,
    },
    lines: [
      'WARN  a poll failed; trying again replica=greet:greet#1 pid <pid> worker=greet:greet error="GET /tasks/poll/batch/greet?workerid=<id>&count=1&timeout=1: the server answered 200 with HTML: Sign in; is the server URL the address of the API? It usually ends in /api" failures=1 delayMs=',
    ],
  },
  {
    title: 'a native declaration that is valid, and called with something else',
    files: {
      'main.ts': `import { ContainerModule } from 'inversify';
import { bootstrap, functionWorker } from 'tutti';
import { native, NativeLibrary } from 'tutti/native';
@NativeLibrary('libm.so.6')
class Maths {
  @native('double pow(double base, double exponent)')
  readonly pow!: (base: number, exponent: number) => number;
}
const power = functionWorker('power', (_task, _context, maths) => maths.pow('2', 3), { name: 'power', inject: [Maths] });
const modules = [new ContainerModule(({ bind }) => void bind(Maths).toSelf())];
const orchestrator = await bootstrap({ workers: [power], modules });
const { metadata, workflows } = await orchestrator.clients();
await metadata.registerTaskDefs([{ name: 'power', retryCount: 0 }]);
const tasks = [{ name: 'power', taskReferenceName: 'power' }];
await metadata.registerWorkflowDef({ name: 'power', version: 1, tasks });
await workflows.waitFor(await workflows.startByName('power'));
await orchestrator.stop();
`,
    },
    exitCode: 0,
    lines: [
      'WARN  a task failed replica=power:power#1 pid <pid> worker=power:power taskType=power taskId=<id> workflowId=<id> attempt=1 error="Maths.pow (\\"double pow(double base, double exponent)\\"): expected parameter 1 \\"base\\" to be a number, got \\"2\\" (string)"',
      '    TuttiError: Maths.pow ("double pow(double base, double exponent)"): expected parameter 1 "base" to be a number, got "2" (string)',
    ],
  },
  {
    title: 'a worker that fails each of its tasks: one line, and the number of the others',
    files: {
      'main.ts': `import { bootstrap, functionWorker } from 'tutti';
const charge = functionWorker(
  'charge',
  () => {
    throw new Error('the card is not valid');
  },
  { name: 'charge', concurrency: 10 },
);
const orchestrator = await bootstrap({ workers: [charge] });
const { metadata, workflows } = await orchestrator.clients();
await metadata.registerTaskDefs([{ name: 'charge', retryCount: 0 }]);
const tasks = [{ name: 'charge', taskReferenceName: 'charge' }];
await metadata.registerWorkflowDef({ name: 'charge', version: 1, tasks });
const started = Array.from({ length: 40 }, () => workflows.startByName('charge'));
for (const id of started) await workflows.waitFor(await id);
await orchestrator.stop();
`,
    },
    exitCode: 0,
    lines: [
      'WARN  more tasks failed in the same way replica=charge:charge#1 pid <pid> worker=charge:charge count=39 taskType=charge taskId=<id> workflowId=<id> attempt=1 error="the card is not valid"',
      'INFO  stopped: ',
    ],
  },
  {
    title: 'an output that is too large to be sent',
    files: {
      'main.ts': `import { bootstrap, functionWorker } from 'tutti';
const report = functionWorker('report', () => ({ pages: 'x'.repeat(80_000_000) }), { name: 'report' });
const orchestrator = await bootstrap({ workers: [report] });
const { metadata, workflows } = await orchestrator.clients();
await metadata.registerTaskDefs([{ name: 'report', retryCount: 0 }]);
const tasks = [{ name: 'report', taskReferenceName: 'report' }];
await metadata.registerWorkflowDef({ name: 'report', version: 1, tasks });
await workflows.waitFor(await workflows.startByName('report'));
await orchestrator.stop();
`,
    },
    exitCode: 0,
    lines: [
      'ERROR the result of a task is too large to be sent; the task is failed replica=report:report#1 pid <pid> worker=report:report taskId=<id> workflowId=<id> status=COMPLETED error="76.3 MB (<n> bytes) are more than the 64.0 MB (67108864 bytes) that can be sent; keep large data elsewhere and send its address"',
    ],
  },
];

/** Mistakes that need more than a program: where their tests are. */
export const ELSEWHERE: readonly { mistake: string; file: string; test: string }[] = [
  {
    mistake: 'a forgotten stop() under Vitest, Jest and node:test: the runner ends, and no process stays',
    file: 'test/package/testing-guide.test.ts',
    test: 'a forgotten stop() does not keep it from ending, and no process stays',
  },
  {
    mistake: 'bootstrap() without `entry` under a test runner',
    file: 'test/process/roles.test.ts',
    test: 'under node:test',
  },
  {
    mistake: 'standard decorators instead of those that TypeScript calls experimental',
    file: 'test/process/decorator-modes.test.ts',
    test: 'what was compiled with standard decorators says so at start, what to do, and ends with 78',
  },
  {
    mistake: 'long synchronous work: it costs no lease',
    file: 'test/reliability/leases.test.ts',
    test: 'while a task waits, computes in a loop, or blocks its thread',
  },
  {
    mistake: 'long synchronous work in the main file, after bootstrap()',
    file: 'test/reliability/leases.test.ts',
    test: 'a heartbeat that is late because the embedding program blocks the orchestrator is a warning',
  },
  {
    mistake: 'a native declaration that differs from the header, and crashes: the reason names the function',
    file: 'test/process/native-crash.test.ts',
    test: 'a task that brings it down again and again ends for good',
  },
];
