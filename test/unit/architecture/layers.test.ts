import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';
import { describe, expect, test } from 'vitest';
import {
  findCircles,
  findForbiddenImports,
  type ImportRules,
  type ImportStatement,
  readImports,
  readTable,
} from './import-rules.js';

const ROOT = new URL('../../../', import.meta.url);
const SRC = fileURLToPath(new URL('src/', ROOT));
const architecture = readFileSync(new URL('docs/architecture.md', ROOT), 'utf8');

const rules: ImportRules = {
  layers: readTable(architecture, 'Folder').map((row) => ({ name: row.first, mayImport: row.last })),
  modules: readTable(architecture, 'Module').map((row) => ({ module: row.first, usedIn: row.last })),
  barrels: ['index.ts', 'server/index.ts', 'testing/index.ts'],
};

const sources = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path.split(sep).join('/'), readFileSync(`${SRC}${path}`, 'utf8')]),
);
const importsOf = new Map([...sources].map(([file, source]) => [file, readImports(file, source)]));

describe('the imports of src', () => {
  test('every source file is read', () => {
    const onDisk = globSync('**/*.{ts,mts,cts,tsx,js,mjs,cjs}', { cwd: SRC, dot: true });
    expect([...sources.keys()].sort()).toEqual(onDisk.sort());
    expect(sources.size).toBeGreaterThan(10);
  });

  test('every folder of the layer table that exists is seen, and imports are found', () => {
    for (const { name } of rules.layers.filter((layer) => layer.name.endsWith('/'))) {
      if (!existsSync(`${SRC}${name}`) || readdirSync(`${SRC}${name}`).length === 0) continue;
      expect(
        [...sources.keys()].filter((file) => file.startsWith(name)),
        name,
      ).not.toEqual([]);
    }
    for (const [file, source] of sources) {
      const atLineStart = source.match(/^(?:import|export)\b[^;]*?\bfrom '[^']+';$/gm) ?? [];
      expect(importsOf.get(file)!.length, file).toBeGreaterThanOrEqual(atLineStart.length);
    }
    expect([...importsOf.values()].flat().length).toBeGreaterThan(10);
  });

  test('they keep to the tables of docs/architecture.md', () => {
    const problems = [...importsOf].flatMap(([file, imports]) => findForbiddenImports(file, imports, rules));
    expect(problems).toEqual([]);
  });

  test('no file imports itself in a circle, types aside', () => {
    const graph = [...importsOf].map(([file, imports]) => {
      const remaining = imports.filter((statement) => !statement.isTypeOnly);
      return [file, targetsOf(file, remaining)] as const;
    });
    expect(findCircles(new Map(graph))).toEqual([]);
  });

  test('every relative import leads to a file', () => {
    const missing = [...importsOf].flatMap(([file, imports]) =>
      targetsOf(file, imports)
        .filter((target) => !sources.has(target))
        .map((target) => `${file} → ${target}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('the checker finds what is forbidden', () => {
  const from = (specifier: string): ImportStatement[] => [
    { specifier, isReExport: false, isTypeOnly: false },
  ];

  test.each([
    ['core/errors.ts', '../worker/poll-loop.js', 'core/ may not import worker/poll-loop.ts'],
    ['worker/poll-loop.ts', '../orchestrator/slot.js', 'worker/ may not import orchestrator/slot.ts'],
    [
      'server/http/router.ts',
      '../../conductor/task-client.js',
      'server/ may not import conductor/task-client.ts',
    ],
    ['conductor/types.ts', '../index.js', 'conductor/ may not import index.ts'],
    ['core/errors.ts', '../../package.json', 'imports ../../package.json, which is outside of src'],
    ['conductor/task-client.ts', 'axios', 'imports axios, which only conductor/axios-transport.ts may'],
    ['app/bootstrap.ts', 'node:cluster', 'imports node:cluster, which only orchestrator/cluster-launcher.ts'],
    ['worker/poll-loop.ts', 'inversify', 'imports inversify, which only **/*.decorator.ts'],
    ['worker/poll-loop.ts', 'reflect-metadata/lite', 'imports reflect-metadata/lite, which only'],
    ['core/errors.ts', 'left-pad', 'imports left-pad, which has no row in the module table'],
    ['utils/strings.ts', 'node:fs', 'utils/ has no row in the layer table'],
  ])('%s importing %s', (file, specifier, problem) => {
    const problems = findForbiddenImports(file, from(specifier), rules);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  test.each([
    ['worker/poll-loop.ts', '../core/sleep.js'],
    ['worker/poll-loop.ts', './task-outcome.js'],
    ['server/http/router.ts', '../../conductor/types.js'],
    ['server/http/router.ts', '../engine/decider.js'],
    ['worker/worker.decorator.ts', 'inversify'],
    ['app/discovery/container.ts', 'inversify'],
    ['conductor/axios-transport.ts', 'axios'],
    ['core/errors.ts', 'node:util'],
  ])('%s may import %s', (file, specifier) => {
    expect(findForbiddenImports(file, from(specifier), rules)).toEqual([]);
  });

  test('a re-export anywhere but in the entry files', () => {
    const statements = [{ specifier: './errors.js', isReExport: true, isTypeOnly: false }];
    expect(findForbiddenImports('core/index.ts', statements, rules)).toEqual([
      'core/index.ts: re-exports from ./errors.js',
    ]);
    expect(findForbiddenImports('server/index.ts', statements, rules)).toEqual([]);
  });

  test('circles', () => {
    const graph = new Map([
      ['a.ts', ['b.ts']],
      ['b.ts', ['c.ts']],
      ['c.ts', ['b.ts']],
    ]);
    expect(findCircles(graph)).toEqual(['b.ts → c.ts → b.ts']);
  });
});

test('every form of import is read', () => {
  const source = `
    import './a.js';
    import type { B } from './b.js';
    import c, {
      type C,
    } from './c.js';
    export * from './d.js';
    export { e } from './e.js';
    const f = await import('./f.js');
    function g(x: import('./g.js').G): void {}
    import h = require('h');
    const i = require('i');
    @Decorated() class J { constructor(private readonly x: import('./j.js').X) {} }
    // import './comment.js';
    const text = "import './text.js'";
  `;
  const found = readImports('all.ts', source);
  expect(found.map((statement) => statement.specifier).sort()).toEqual(
    ['./a.js', './b.js', './c.js', './d.js', './e.js', './f.js', './g.js', './j.js', 'h', 'i'].sort(),
  );
  expect(found.filter((statement) => statement.isReExport).map((statement) => statement.specifier)).toEqual([
    './d.js',
    './e.js',
  ]);
  expect(
    found
      .filter((statement) => statement.isTypeOnly)
      .map((statement) => statement.specifier)
      .sort(),
  ).toEqual(['./b.js', './g.js', './j.js']);
});

function targetsOf(file: string, imports: readonly ImportStatement[]): string[] {
  return imports
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier }) => posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts'));
}
