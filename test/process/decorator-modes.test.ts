import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const fixtures = fileURLToPath(new URL('../fixtures/broken/', import.meta.url));

/** What the compiler has against the fixtures, as `file:line`. */
async function complaints(config: string, ...args: string[]): Promise<string[]> {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', `${fixtures}${config}`, ...args];
  const output = await run(process.execPath, tsc, { cwd: root }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
  const places = [...output.matchAll(/test\/fixtures\/broken\/([\w-]+\.ts)\((\d+),\d+\): error/g)];
  return [...new Set(places.map(([, file, line]) => `${file}:${line}`))];
}

/** The lines of a fixture below a comment that says that they are wrong. */
function marked(file: string): string[] {
  const lines = readFileSync(`${fixtures}${file}`, 'utf8').split('\n');
  return lines.flatMap((line, index) => (line.includes('// error:') ? [`${file}:${index + 2}`] : []));
}

describe('the compiler', () => {
  it('finds workers that cannot work, and only those', async () => {
    const found = await complaints('tsconfig.json', '--noEmit');
    const expected = [...marked('no-execute.ts'), ...marked('wrong-types.ts')];
    expect(expected).toHaveLength(10);
    expect(found.sort()).toEqual(expected.sort());
  });

  it('finds a class without execute with standard decorators as well', async () => {
    const found = await complaints('tsconfig.standard.json', '--noEmit');
    expect(found.sort()).toEqual([...marked('no-execute.ts'), ...marked('wrong-types.ts')].sort());
  });
});

test('what was compiled with standard decorators says so at start, what to do, and ends with 78', async () => {
  const outDir = `${root}build/test/standard-decorators/`;
  await complaints('tsconfig.standard.json', '--noEmit', 'false', '--outDir', outDir, '--rootDir', root);
  const main = `${outDir}main.js`;
  writeFileSync(
    main,
    `import { bootstrap } from 'tutti';
    import * as workers from './test/fixtures/broken/right.js';
    await bootstrap({ workers: Object.values(workers) });`,
  );
  const env = { PATH: process.env['PATH'] };
  const end = run(process.execPath, [main], { cwd: root, env });
  await expect(end).rejects.toMatchObject({
    code: 78,
    stderr: expect.stringMatching(
      /DECORATOR_MODE.*class GreetWorker .*"experimentalDecorators": true.*"emitDecoratorMetadata": true/s,
    ) as string,
  });
});
