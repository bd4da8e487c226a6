import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { RecordingLogger } from '../support/recording-logger.js';

type Discovery = typeof import('../../src/app/discovery/discovery.js');

const built = new URL('../../dist/', import.meta.url);
const { discoverWorkers } = (await import(new URL('app/discovery/discovery.js', built).href)) as Discovery;
const IMPORT = `import { bootstrap, functionWorker, Worker } from '${new URL('index.js', built).href}';\n`;

let folder: string;
beforeEach(() => (folder = realpathSync(mkdtempSync(join(tmpdir(), 'tutti-discovery-')))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, source: string): string {
  const path = join(folder, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `${IMPORT}${source}\n`);
  return path;
}

/** JavaScript for `@Worker(type) export class Name`. */
function workerSource(name: string, type: string): string {
  return `export class ${name} { execute() { return {}; } }\nWorker('${type}', 500)(${name});`;
}

async function failureOf(...patterns: string[]): Promise<Error & { code?: string }> {
  return await discoverWorkers(patterns, folder).then(
    () => expect.unreachable('it was discovered'),
    (error: unknown) => error as Error,
  );
}

describe('discoverWorkers', () => {
  it('finds what files export, below folders too, in the order of their paths', async () => {
    const b = write('b/greet.worker.mjs', workerSource('GreetWorker', 'greet'));
    const a = write(
      'a.worker.mjs',
      "export const add = functionWorker('add', function add() {}, { concurrency: 3 });",
    );
    write('b/helper.mjs', 'export const x = 1;');
    write('node_modules/other/c.worker.mjs', workerSource('NotMine', 'not-mine'));
    const found = await discoverWorkers(['**/*.worker.mjs'], folder);
    expect(found).toEqual([
      {
        key: 'add:add',
        taskType: 'add',
        name: 'add',
        options: { concurrency: 3 },
        file: a,
        isDiscovered: true,
        problems: [],
      },
      expect.objectContaining({ key: 'greet:GreetWorker', file: b, options: { pollInterval: 500 } }),
    ]);
  });

  it('is not disturbed by messages that a file sends while it is imported, or by a channel that it takes away', async () => {
    write(
      'a.worker.mjs',
      `for (const message of [null, 'done', { type: 'done' }, { type: 'imported' }, { type: 'failed' }]) process.send(message);
      process.send = undefined;
      ${workerSource('GreetWorker', 'greet')}`,
    );
    const found = await discoverWorkers(['*.worker.mjs'], folder);
    expect(found.map(({ key }) => key)).toEqual(['greet:GreetWorker']);
  });

  it('names the file that writes something to the channel which is not a message', async () => {
    write('a.worker.mjs', `import { writeSync } from 'node:fs'; writeSync(3, 'no message\\n');`);
    expect((await failureOf('*.worker.mjs')).message).toContain(
      'a.worker.mjs cannot be imported: it wrote something to its channel that is not JSON',
    );
  });

  it('takes several patterns and reads a file once', async () => {
    write('x.worker.mjs', workerSource('X', 'x'));
    expect(await discoverWorkers(['*.mjs', 'x.*', '!y.*'], folder)).toHaveLength(1);
  });

  it('counts a class once that is exported under two names', async () => {
    write('x.worker.mjs', `${workerSource('X', 'x')}\nexport { X as Y };\nexport default X;`);
    expect(await discoverWorkers(['*.mjs'], folder)).toHaveLength(1);
  });

  it('finds a class twice that a second file exports again: bootstrap() tells of it', async () => {
    const x = write('x.worker.mjs', workerSource('X', 'x'));
    write('y.worker.mjs', `export * from '${pathToFileURL(x).href}';`);
    const found = await discoverWorkers(['*.mjs'], folder);
    expect(found.map((one) => one.key)).toEqual(['x:X', 'x:X']);
  });

  it('brings the mistakes in the options of a worker along', async () => {
    write('x.worker.mjs', 'export class X { execute() {} }\nWorker("x", { concurrency: 0 })(X);');
    const [found] = await discoverWorkers(['*.mjs'], folder);
    expect(found!.problems).toEqual([expect.stringContaining('`concurrency`')]);
  });

  it('does not import the files into this process', async () => {
    write('x.worker.mjs', `${workerSource('X', 'x')}\nglobalThis.tuttiImported = true;`);
    await discoverWorkers(['*.mjs'], folder);
    expect(globalThis).not.toHaveProperty('tuttiImported');
  });

  it('does not wait for what files leave running', async () => {
    write('x.worker.mjs', `${workerSource('X', 'x')}\nsetInterval(() => {}, 1000);`);
    expect(await discoverWorkers(['*.mjs'], folder)).toHaveLength(1);
  });

  it('waits for files that take their time', async () => {
    write('x.worker.mjs', `await new Promise((done) => setTimeout(done, 50));\n${workerSource('X', 'x')}`);
    expect(await discoverWorkers(['*.mjs'], folder)).toHaveLength(1);
  });
});

describe('what is found in each file', () => {
  async function linesOf(level: 'debug' | 'warn', ...patterns: string[]): Promise<string[]> {
    const logger = new RecordingLogger();
    await discoverWorkers(patterns, folder, logger);
    return logger.at(level).filter((line) => line.startsWith('discover: '));
  }

  test('is a line at debug level', async () => {
    write(
      'a.worker.mjs',
      `${workerSource('A', 'a')}\nexport const b = functionWorker('b', function run() {});`,
    );
    expect(await linesOf('debug', '*.mjs')).toEqual(['discover: a.worker.mjs: A (a), run (b)']);
    expect(await linesOf('warn', '*.mjs')).toEqual([]);
  });

  test('a file without workers is a warning that says what it exports', async () => {
    write('a.worker.mjs', workerSource('A', 'a'));
    write('b.worker.mjs', 'export const one = 1, two = 2, three = 3, four = 4, five = 5, six = 6;');
    write('c.worker.mjs', '');
    expect(await linesOf('warn', '*.mjs')).toEqual([
      'discover: b.worker.mjs: no worker; it exports five, four, one, six, three and 1 more',
      'discover: c.worker.mjs: no worker; it exports nothing',
    ]);
  });

  test('a decorated class and a function worker that no file exports are a warning', async () => {
    write(
      'a.worker.mjs',
      `${workerSource('A', 'a')}\nclass Hidden { execute() {} }\nWorker('h')(Hidden);\nfunctionWorker('f', function run() {});`,
    );
    expect(await linesOf('warn', '*.mjs')).toEqual([
      'discover: a.worker.mjs: A (a); Hidden (h), run (f) are declared but not exported; add `export`',
    ]);
  });

  test('a class that another matched file exports is not missed', async () => {
    const a = write('a.worker.mjs', workerSource('A', 'a'));
    write(
      'b.worker.mjs',
      `import { A } from '${pathToFileURL(a).href}';\n${workerSource('B', 'b')}\nvoid A;`,
    );
    expect(await linesOf('warn', '*.mjs')).toEqual([]);
  });

  test('a worker in a file that was not asked for is not missed', async () => {
    const lib = write('lib/base.mjs', workerSource('Base', 'base'));
    write('a.worker.mjs', `import '${pathToFileURL(lib).href}';\n${workerSource('A', 'a')}`);
    expect(await linesOf('warn', '*.worker.mjs')).toEqual([]);
  });
});

describe('what goes wrong is told with the file and the reason', () => {
  test.each<[string, string, RegExp]>([
    [
      'throws',
      "throw new Error('no database');",
      /bad\.worker\.mjs cannot be imported: no database\n.*bad\.worker\.mjs:2/s,
    ],
    ['throws undefined', 'throw undefined;', /bad\.worker\.mjs cannot be imported: undefined was thrown/],
    ['rejects later', "await Promise.reject(new Error('later'));", /cannot be imported: later/],
    ['is no JavaScript', 'export const = 5;', /cannot be imported: .*Unexpected token/],
    [
      'imports what is not there',
      "import './gone.mjs';",
      /cannot be imported: Cannot find module .*gone\.mjs/,
    ],
    [
      'ends the process with 0',
      'process.exit(0);',
      /bad\.worker\.mjs ended the process .*exit code 0.*process\.exit\(\)/,
    ],
    ['ends the process with 3', 'process.exit(3);', /exit code 3/],
    [
      'kills the process',
      "process.kill(process.pid, 'SIGKILL');\nwhile (true);",
      /bad\.worker\.mjs ended the process .*SIGKILL/,
    ],
    ['never ends its import', 'await new Promise(() => {});', /bad\.worker\.mjs ended the process/],
    [
      'throws in a callback',
      "setImmediate(() => { throw new Error('late'); });\nawait new Promise((done) => setTimeout(done, 1000));",
      /bad\.worker\.mjs ended the process .*exit code 1/,
    ],
    [
      'is the main file: it must not start everything over and over',
      "await bootstrap({ discover: '*.mjs' });",
      /bad\.worker\.mjs cannot be imported: .*calls bootstrap\(\).*not the main file/,
    ],
  ])('a file that %s', async (_title, source, pattern) => {
    write('a.worker.mjs', workerSource('A', 'a'));
    write('bad.worker.mjs', source);
    const error = await failureOf('*.mjs');
    expect(error).toMatchObject({ name: 'ConfigurationError', code: 'DISCOVERY_FAILED' });
    expect(error.message).toMatch(pattern);
  });

  it('every bad file is told at once', async () => {
    write('a.worker.mjs', "throw new Error('first');");
    write('b.worker.mjs', "throw new Error('second');");
    expect((await failureOf('*.mjs')).message).toMatch(/first[\s\S]*second/);
  });

  it('no file matches: patterns and folder', async () => {
    const { message } = await failureOf('workers/**/*.js', '*.ts');
    expect(message).toContain("no file matches 'workers/**/*.js', '*.ts'");
    expect(message).toContain(folder);
  });

  it('files without workers', async () => {
    write('a.mjs', 'export class NotDecorated { execute() {} }');
    write('b.mjs', '');
    expect((await failureOf('*.mjs')).message).toMatch(
      /2 files match .*none exports a class with @Worker.*:\n- a\.mjs: no worker; it exports NotDecorated\n- b\.mjs: no worker; it exports nothing$/,
    );
  });
});
