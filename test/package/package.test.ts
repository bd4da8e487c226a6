import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readImports } from '../unit/architecture/import-rules.js';
import { linksOf } from '../support/markdown-links.js';
import { firstMissingLine, readExample } from './readme-example.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

/** What a user's project has that is not the package itself, in the versions that this repository is tested with. */
const USER_DEPENDENCIES = ['inversify', 'reflect-metadata', 'typescript', '@types/node'];

const STRICT_TSCONFIG = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2022'],
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    outDir: 'dist',
    rootDir: '.',
  },
  include: ['*.ts'],
};

let folder = '';
/** The project of a user: outside of the repository, with the packed package installed. */
let project = '';
/** The package as it lies in that project. */
let installed = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-package-'));
  // The build was made by the set-up of this suite; a second one would pull it away under other tests.
  const { stdout } = await npm(ROOT, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder);
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];

  project = join(folder, 'project');
  installed = join(project, 'node_modules', 'tutti');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const versions = USER_DEPENDENCIES.map((name) => {
    return `${name}@${String(readJson(join(ROOT, 'node_modules', name, 'package.json'))['version'])}`;
  });
  const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  await npm(project, 'install', ...quiet, join(folder, filename), ...versions);
}, 300_000);

afterAll(() => {
  if (folder !== '') rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

describe('the packed package', () => {
  test('has the code, its types, documentation and examples, and nothing else', () => {
    const top = readdirSync(installed).sort();
    expect(top).toEqual(
      [
        'CHANGELOG.md',
        'CONTRIBUTING.md',
        'SECURITY.md',
        'LICENSE',
        'README.md',
        'dist',
        'docs',
        'examples',
        'package.json',
        'scripts',
        'src',
      ].sort(),
    );
    // What the command `tutti` needs, and none of the scripts that are for this repository.
    expect(readdirSync(join(installed, 'scripts')).sort()).toEqual(
      ['build-native.mjs', 'native-commands.mjs', 'tutti.mjs'].sort(),
    );
    const files = filesBelow(installed);
    expect(files.filter((file) => /\.(?:test|spec)\.|(?:^|\/)(?:test|fixtures)\//.test(file))).toEqual([]);
    expect(
      files.filter((file) => file.startsWith('dist/') && !/\.(?:js|d\.ts)(?:\.map)?$/.test(file)),
    ).toEqual([]);
  });

  test('has a type declaration and a source for every module', () => {
    const modules = filesBelow(installed).filter((file) => /^dist\/.*\.js$/.test(file));
    expect(modules.length).toBeGreaterThan(10);
    for (const file of modules) {
      expect(existsSync(join(installed, file.replace(/\.js$/, '.d.ts'))), `types of ${file}`).toBe(true);
      const source = file.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts');
      expect(existsSync(join(installed, source)), `source of ${file}`).toBe(true);
    }
  });

  test('has maps that lead from code and types to sources that are there', () => {
    const maps = filesBelow(installed).filter((file) => /^dist\/.*\.map$/.test(file));
    expect(maps.filter((file) => file.endsWith('.d.ts.map')).length).toBeGreaterThan(10);
    const lost = maps.flatMap((file) => {
      const { sources, sourceRoot = '' } = readJson(join(installed, file)) as {
        sources: string[];
        sourceRoot?: string;
      };
      return sources
        .filter((source) => !existsSync(join(installed, dirname(file), sourceRoot, source)))
        .map((source) => `${file} → ${source}`);
    });
    expect(lost).toEqual([]);
  });

  test('leads every entry of exports to a file, types first', () => {
    const entries = Object.entries(readJson(join(installed, 'package.json'))['exports'] as object);
    expect(entries.map(([name]) => name)).toEqual(
      expect.arrayContaining(['.', './client', './native', './server', './testing']),
    );
    for (const [name, target] of entries as [string, string | Record<string, string>][]) {
      const targets = typeof target === 'string' ? [target] : Object.values(target);
      for (const file of targets) expect(existsSync(join(installed, file)), `${name} → ${file}`).toBe(true);
      if (typeof target !== 'string') expect(Object.keys(target)[0], name).toBe('types');
    }
  });

  test('has every file that its README and its documentation link to', () => {
    const pages = filesBelow(installed).filter((file) => file.endsWith('.md'));
    expect(pages).toContain('docs/guides/1-workers.md');
    const broken = pages.flatMap((page) =>
      linksOf(readFileSync(join(installed, page), 'utf8'))
        .filter(({ file }) => !existsSync(join(installed, dirname(page), file)))
        .map(({ link }) => `${page}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  test('says where it comes from: npm leads the relative links of the README there', () => {
    const { repository, homepage, bugs } = readJson(join(installed, 'package.json'));
    const address = /^git\+(https:\/\/[^#]+)\.git$/.exec((repository as { url: string }).url)?.[1];
    expect(homepage).toBe(`${address}#readme`);
    expect(bugs).toBe(`${address}/issues`);
  });

  test('names every module with side effects, so that bundlers may leave out the others', () => {
    const { sideEffects } = readJson(join(installed, 'package.json')) as { sideEffects: string[] };
    for (const file of sideEffects.filter((name) => !name.includes('*'))) {
      expect(existsSync(join(installed, file)), file).toBe(true);
    }
    const modules = filesBelow(installed).filter((file) => /^dist\/.*\.js$/.test(file));
    const imported = modules.flatMap((file) =>
      [...readFileSync(join(installed, file), 'utf8').matchAll(/^import '(.+)';$/gm)].map(([, name]) => name),
    );
    // A module of ours that is imported for its effect would have to be in the list.
    expect([...new Set(imported)]).toEqual(['reflect-metadata']);
  });

  test('imports only files that it has and packages that it names', () => {
    const manifest = readJson(join(installed, 'package.json'));
    const named = Object.keys({
      ...(manifest['dependencies'] as object),
      ...(manifest['peerDependencies'] as object),
    });
    const known = new Set([...builtinModules, ...named, 'tutti']);
    const problems = filesBelow(installed)
      .filter((file) => /^dist\/.*(?:\.js|\.d\.ts)$/.test(file))
      .flatMap((file) => {
        const imports = readImports(file, readFileSync(join(installed, file), 'utf8'));
        return imports
          .filter(({ specifier }) => {
            if (specifier.startsWith('.')) return !existsSync(join(installed, dirname(file), specifier));
            return !known.has(specifier.replace(/^node:/, '')) && !known.has(packageOf(specifier));
          })
          .map(({ specifier }) => `${file} imports ${specifier}`);
      });
    expect(problems).toEqual([]);
  });

  test('names no package that it does not import', () => {
    const named = Object.keys(readJson(join(installed, 'package.json'))['dependencies'] as object);
    const imported = new Set(
      filesBelow(installed)
        .filter((file) => /^dist\/.*\.js$/.test(file))
        .flatMap((file) => readImports(file, readFileSync(join(installed, file), 'utf8')))
        .map(({ specifier }) => packageOf(specifier)),
    );
    expect(named.filter((name) => !imported.has(name))).toEqual([]);
  });
});

describe('the first example of the README in a project of its own', () => {
  test('compiles, runs, and prints what the README says', async () => {
    const example = readExample(readFileSync(join(installed, 'README.md'), 'utf8'), '## Quick start');
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(STRICT_TSCONFIG));
    // A tsconfig.json of the README takes the place of ours: it is what users copy.
    for (const file of example.files) writeFileSync(join(project, file.name), file.content);

    const tsc = createRequire(join(project, 'package.json')).resolve('typescript/package.json');
    await node(project, join(dirname(tsc), 'bin', 'tsc'), '-p', '.').catch(
      failWith('The example does not compile'),
    );

    const main = example.files.filter((file) => file.name.endsWith('.ts')).at(-1)!.name;
    const { stdout, stderr } = await node(project, join('dist', main.replace(/\.ts$/, '.js'))).catch(
      failWith('The example does not run'),
    );
    expect(
      firstMissingLine(stdout, example.expectedLines),
      `not in the output:\n${stdout}\n${stderr}`,
    ).toBeUndefined();
  });
});

function npm(cwd: string, ...args: string[]) {
  const isWindows = process.platform === 'win32';
  return run(isWindows ? 'npm.cmd' : 'npm', args, { cwd, env: userEnvironment(), shell: isWindows });
}

function node(cwd: string, ...args: string[]) {
  return run(process.execPath, args, { cwd, env: userEnvironment(), timeout: 90_000, killSignal: 'SIGKILL' });
}

/** Without what the test runner and npm put there, and without a server of the developer's. */
function userEnvironment(): NodeJS.ProcessEnv {
  const isForeign = (name: string) =>
    /^(?:VITEST|CONDUCTOR_|TUTTI_|NODE_ENV$|NODE_OPTIONS$|npm_(?:package|lifecycle|command))/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}

function failWith(message: string) {
  return (error: unknown): never => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${message}:\n${stdout}\n${stderr}`, { cause: error });
  };
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll('\\', '/'),
    )
    .filter((file) => !file.startsWith('node_modules/'));
}
