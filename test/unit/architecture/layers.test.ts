import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';
import { describe, expect, test } from 'vitest';
import {
  findCircles,
  findCirclesOfLayers,
  findForbiddenImports,
  layerOf,
  type ImportStatement,
  readImports,
  readRules,
  targetOf,
} from './import-rules.js';

const ROOT = new URL('../../../', import.meta.url);
const SRC = fileURLToPath(new URL('src/', ROOT));
const architecture = readFileSync(new URL('docs/architecture.md', ROOT), 'utf8');

const rules = readRules(architecture);

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

  test.each([
    // What is loaded when it is needed may use the types of whoever loads it.
    ['types included, but for import()', ({ isDynamic }: ImportStatement) => !isDynamic],
    ['import() included, but for types', ({ isTypeOnly }: ImportStatement) => !isTypeOnly],
  ])('no file imports itself in a circle, %s', (_title, counts) => {
    const graph = [...importsOf].map(
      ([file, imports]) => [file, targetsOf(file, imports.filter(counts))] as const,
    );
    expect(findCircles(new Map(graph))).toEqual([]);
  });

  test('no folders import each other in a circle, types included', () => {
    expect(findCirclesOfLayers(rules.layers)).toEqual([]);
    const targets = new Map<string, Set<string>>();
    for (const [file, imports] of importsOf) {
      const from = layerOf(file, rules.layers)!.name;
      const reached = targets.get(from) ?? new Set();
      for (const target of targetsOf(file, imports)) reached.add(layerOf(target, rules.layers)!.name);
      reached.delete(from);
      targets.set(from, reached);
    }
    expect(findCircles(new Map([...targets].map(([from, reached]) => [from, [...reached]])))).toEqual([]);
  });

  test('a row allows no more than its files import', () => {
    const spare = rules.layers.flatMap(({ name, mayImport }) => {
      const files = [...importsOf].filter(([file]) => layerOf(file, rules.layers)?.name === name);
      const reached = files.flatMap(([file, imports]) => targetsOf(file, imports));
      return mayImport
        .filter((allowed) => !reached.some((target) => target.startsWith(allowed)))
        .map((allowed) => `${name} → ${allowed}`);
    });
    expect(spare).toEqual([]);
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
    { specifier, isReExport: false, isTypeOnly: false, isDynamic: false },
  ];

  test.each([
    ['core/errors.ts', '../worker/polling/poll-loop.js', 'core/ may not import worker/polling/poll-loop.ts'],
    [
      'worker/polling/poll-loop.ts',
      '../../orchestrator/replicas/replica.js',
      'worker/polling/ may not import orchestrator/replicas/replica.ts',
    ],
    [
      'worker/execution/task-runner.ts',
      '../polling/poll-loop.js',
      'worker/execution/ may not import worker/polling/poll-loop.ts',
    ],
    [
      'server/http/router.ts',
      '../../conductor/clients/task-client.js',
      'server/http/ may not import conductor/clients/task-client.ts',
    ],
    ['conductor/wire/types.ts', '../../index.js', 'conductor/wire/ may not import index.ts'],
    ['server/model/models.ts', '../engine/engine.js', 'server/model/ may not import server/engine/engine.ts'],
    ['app/news/strings.ts', 'node:fs', 'app/news/ has no row in the layer table'],
    ['core/errors.ts', '../../package.json', 'imports ../../package.json, which is outside of src'],
    [
      'conductor/clients/task-client.ts',
      'axios',
      'imports axios, which only conductor/transport/axios-transport.ts may',
    ],
    [
      'app/bootstrap.ts',
      'node:cluster',
      'imports node:cluster, which only orchestrator/processes/cluster-launcher.ts',
    ],
    ['worker/polling/poll-loop.ts', 'inversify', 'imports inversify, which only **/*.decorator.ts'],
    ['worker/polling/poll-loop.ts', 'reflect-metadata/lite', 'imports reflect-metadata/lite, which only'],
    ['core/errors.ts', 'left-pad', 'imports left-pad, which has no row in the module table'],
    ['utils/strings.ts', 'node:fs', 'utils/ has no row in the layer table'],
  ])('%s importing %s', (file, specifier, problem) => {
    const problems = findForbiddenImports(file, from(specifier), rules);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  test.each([
    ['worker/polling/poll-loop.ts', '../../core/sleep.js'],
    ['worker/polling/poll-loop.ts', './task-outcome.js'],
    ['server/http/router.ts', '../../conductor/wire/types.js'],
    ['server/http/resources/task-resource.ts', '../router.js'],
    ['native/call/call-trace.ts', '../../protocol/native-call-record.js'],
    ['server/http/router.ts', '../engine/decider.js'],
    ['worker/definition/worker.decorator.ts', 'inversify'],
    ['app/container/container.ts', 'inversify'],
    ['conductor/transport/axios-transport.ts', 'axios'],
    ['core/errors.ts', 'node:util'],
  ])('%s may import %s', (file, specifier) => {
    expect(findForbiddenImports(file, from(specifier), rules)).toEqual([]);
  });

  test('a re-export anywhere but in the entry files', () => {
    const statements = [{ specifier: './errors.js', isReExport: true, isTypeOnly: false, isDynamic: false }];
    expect(findForbiddenImports('core/index.ts', statements, rules)).toEqual([
      'core/index.ts: re-exports from ./errors.js',
    ]);
    expect(findForbiddenImports('server/index.ts', statements, rules)).toEqual([]);
  });

  test('circles of folders that the table would allow', () => {
    const layers = [
      { name: 'core/', mayImport: [] },
      { name: 'app/', mayImport: ['core/', 'app/config/'] },
      { name: 'app/config/', mayImport: ['app/discovery/'] },
      { name: 'app/discovery/', mayImport: ['app/config/options.ts'] },
    ];
    expect(findCirclesOfLayers(layers)).toEqual(['app/config/ → app/discovery/ → app/config/']);
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
    .map(({ specifier }) => targetOf(file, specifier));
}
