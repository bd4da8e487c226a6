/** The sources of the small projects: one worker, its service, and a program that runs one task on the embedded server. */

const GREETER = `
@injectable()
export class Greeter {
  greet(name: string): string {
    return \`Hello, \${name}!\`;
  }
}
`;

/**
 * A service and a worker into which it is injected: by its type, or by `@inject` where the tool writes no types.
 *
 * @param services - the package that has the service, when it is not in this file
 */
export function workerFile(injection: 'by type' | '@inject', options = '', services?: string): string {
  const inject = injection === '@inject' ? 'inject, ' : '';
  return `
${services === undefined ? `import { ${inject}injectable } from 'inversify';` : `import { Greeter } from '${services}';`}
import { Worker, type Task, type TaskWorker } from 'tutti';
${services === undefined ? GREETER : ''}
@Worker('greet'${options === '' ? '' : `, ${options}`})
export class GreetWorker implements TaskWorker<{ name: string }> {
  constructor(${inject === '' ? '' : '@inject(Greeter) '}private readonly greeter: Greeter) {}

  execute(task: Task<{ name: string }>) {
    return { greeting: this.greeter.greet(task.inputData.name), pid: process.pid };
  }
}
`;
}

/** The service, and a module with it, for a package of its own. */
export const SERVICES = `
import { ContainerModule, injectable } from 'inversify';
${GREETER}
export const services = new ContainerModule(({ bind }) => void bind(Greeter).toSelf());
`;

const STEPS = `
  const { metadata, workflows } = await orchestrator.clients();
  await metadata.registerTaskDefs([{ name: 'greet' }]);
  const greet = { name: 'greet', taskReferenceName: 'greet', inputParameters: { name: '\${workflow.input.name}' } };
  await metadata.registerWorkflowDef({ name: 'hello', version: 1, tasks: [greet] }, { overwrite: true });
  const { status, output } = await workflows.waitFor(await workflows.startByName('hello', { name: 'Ada' }));
  const place = output['pid'] === process.pid ? 'the main process' : 'a process of its own';
  console.log(\`\${status}: \${String(output['greeting'])} by \${orchestrator.status().replicas[0]?.replica} in \${place}\`);
  await orchestrator.stop();
`;

const OPTIONS = `{
    workers: [GreetWorker],
    modules: [new ContainerModule(({ bind }) => void bind(Greeter).toSelf())],
    server: embeddedServer(),
  }`;

const IMPORTS = `
import { ContainerModule } from 'inversify';
import { bootstrap } from 'tutti';
import { embeddedServer } from 'tutti/server';
`;

/**
 * A main file whose top level awaits, as in the README.
 *
 * @param services - the package that has {@link SERVICES}, when they are not in the file of the worker
 */
export function mainFile(workers = './greet.worker.js', services?: string): string {
  if (services !== undefined) {
    const options = OPTIONS.replace(/modules: .*/, 'modules: [services],');
    const imports = IMPORTS.replace(
      /import { ContainerModule } .*/,
      `import { services } from '${services}';`,
    );
    return `${imports}import { GreetWorker } from '${workers}';
  const orchestrator = await bootstrap(${options});${STEPS}`;
  }
  return `${IMPORTS}import { Greeter, GreetWorker } from '${workers}';
  const orchestrator = await bootstrap(${OPTIONS});${STEPS}`;
}

/** A main file for module formats without \`await\` at the top level. */
export const MAIN_FUNCTION = `${IMPORTS}import { Greeter, GreetWorker } from './greet.worker.js';

async function main(): Promise<void> {
  const orchestrator = await bootstrap(${OPTIONS});${STEPS}}

void main();
`;

/** Without decorators and without types: what any Node runs as it stands. */
export const JAVASCRIPT_WORKER = `
import { functionWorker } from 'tutti';

export class Greeter {
  greet(name) {
    return \`Hello, \${name}!\`;
  }
}

export const GreetWorker = functionWorker(
  'greet',
  (task, context, greeter) => ({ greeting: greeter.greet(task.inputData.name), pid: process.pid }),
  { name: 'GreetWorker', inject: [Greeter] },
);
`;

export const JAVASCRIPT_MAIN = mainFile();

/** The same in CommonJS: \`require('tutti')\`. */
export const COMMONJS_MAIN = `
const { ContainerModule } = require('inversify');
const { bootstrap, functionWorker } = require('tutti');
const { embeddedServer } = require('tutti/server');

class Greeter {
  greet(name) {
    return \`Hello, \${name}!\`;
  }
}

const GreetWorker = functionWorker(
  'greet',
  (task, context, greeter) => ({ greeting: greeter.greet(task.inputData.name), pid: process.pid }),
  { name: 'GreetWorker', inject: [Greeter] },
);

async function main() {
  const orchestrator = await bootstrap(${OPTIONS});${STEPS}}

void main();
`;

/** The same in CommonJS on a Node that cannot \`require()\` modules: \`import('tutti')\`. */
export const DYNAMIC_IMPORT_MAIN = `
async function main() {
  const { ContainerModule } = await import('inversify');
  const { bootstrap } = await import('tutti');
  const { embeddedServer } = await import('tutti/server');
  const { Greeter, GreetWorker } = await import('./greet.worker.mjs');
  const orchestrator = await bootstrap(${OPTIONS});${STEPS}}

void main();
`;

/** The file that worker processes run when a test runner has started the program. */
export const ENTRY = `
import { ContainerModule } from 'inversify';
import { bootstrap } from 'tutti';
import { Greeter, GreetWorker } from './greet.worker.js';

export const options = {
  workers: [GreetWorker],
  modules: [new ContainerModule(({ bind }) => void bind(Greeter).toSelf())],
};
await bootstrap(options);
`;

/** A test that starts the workers; \`test\` and \`expect\` come from the runner. */
export function testFile(imports: string): string {
  return `${imports}${IMPORTS}import { Greeter, GreetWorker } from './greet.worker.js';

test('a task is executed', async () => {
  const orchestrator = await bootstrap({
    entry: new URL('./entry.js', import.meta.url),
    logLevel: 'error',
    ...${OPTIONS},
  });
  const lines = Array();
  const console = { log: lines.push.bind(lines) };
${STEPS}
  if (String(lines) !== 'COMPLETED: Hello, Ada! by greet:GreetWorker#1 in a process of its own') throw new Error(String(lines));
});
`;
}
