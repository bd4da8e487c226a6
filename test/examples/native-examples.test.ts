import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EXAMPLES_FOLDER, hasSumLibrary, runExample } from './run-example.js';

async function run(name: string): Promise<string[] | undefined> {
  const { exitCode, stdout, output } = await runExample(join(EXAMPLES_FOLDER, 'native', `${name}.js`));
  // The example is about a library of the system, which need not be on this machine.
  if (exitCode !== 0 && /by the loader of the system: .*(?:no such file|image not found)/i.test(output)) {
    console.warn(`NOT RUN: the library of examples/native/${name}.ts is not on this machine`);
    return undefined;
  }
  expect(exitCode, output).toBe(0);
  return stdout.trimEnd().split('\n');
}

test('maths', async ({ skip }) => {
  const lines = await run('maths');
  if (lines === undefined) return skip();
  expect(lines).toEqual(['cos(0) = 1, 2^10 = 1024, |(3, 4)| = 5', '20 = 0.625 × 2^5, 2.5 is rounded to 3']);
});

test('sorting', async ({ skip }) => {
  const lines = await run('sorting');
  if (lines === undefined) return skip();
  expect(lines).toEqual([
    'ascending  -65 -4 15 31 92',
    'by size    92 -65 31 15 -4',
    'thrown in the callback, caught here: these cannot be compared',
  ]);
});

test('zlib', async ({ skip }) => {
  const lines = await run('zlib');
  if (lines === undefined) return skip();
  expect(lines[0]).toMatch(/^zlib [\d.]+: 10000 bytes → \d+ bytes$/);
  const [, before, after] = /^crc32 before (\d+), after (\d+)$/.exec(lines[1] ?? '') ?? [];
  expect(before).toBe(after);
  expect(before).toMatch(/^\d+$/);
});

test('digest', async ({ skip }) => {
  const lines = await run('digest');
  if (lines === undefined) return skip();
  expect(lines[0]).toMatch(/^sha256 [\da-f]{64}$/);
  expect(lines[1]).toBe('the same as by Node.js');
});

test('sqlite', async ({ skip }) => {
  const lines = await run('sqlite');
  if (lines === undefined) return skip();
  expect(lines).toEqual([
    'COMPLETED {"oldest":{"title":"Faust","year":1808}}',
    'FAILED sqlite: UNIQUE constraint failed: book.title',
  ]);
});

test.skipIf(!hasSumLibrary)('text', async () => {
  expect(await run('text')).toEqual([
    'text 1.0: GRüß DICH, WELT',
    "[ 'key', 'value' ] { words: 3, lines: 2, mean_word_length: 3.6666666666666665 }",
    'word 0: stop',
    'word 1: at',
    'word 2: the',
    'rose: 3, open counters: 1',
  ]);
});

test.skipIf(!hasSumLibrary)('crunch', async () => {
  expect(await run('crunch')).toEqual([
    'COMPLETED {"primes":9592,"steps":99}',
    'cancelled after its time',
    'FAILED cancelled',
  ]);
});
