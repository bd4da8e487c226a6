import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readImports, targetOf } from './import-rules.js';

const ROOT = new URL('../../../', import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
  exports: Record<string, string | { types: string; default: string }>;
};
/** `tutti/server` and so on, with the source file of each. */
const entries = Object.entries(exports).flatMap(([name, target]) =>
  typeof target === 'string'
    ? []
    : [[name.replace(/^\./, 'tutti'), target.default.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts')] as const],
);

/** The files and packages that are loaded with a file, before any of its code runs. Modules of Node.js are left out. */
function loadedWith(entry: string): { files: string[]; packages: string[] } {
  const files = new Set([entry]);
  const packages = new Set<string>();
  for (const file of files) {
    const source = readFileSync(new URL(`src/${file}`, ROOT), 'utf8');
    for (const { specifier, isTypeOnly, isDynamic } of readImports(file, source)) {
      if (isTypeOnly || isDynamic || specifier.startsWith('node:')) continue;
      if (specifier.startsWith('.')) files.add(targetOf(file, specifier));
      else packages.add(specifier);
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

test.each(entries)('%s loads what is listed, and nothing else', async (name, file) => {
  const { files, packages } = loadedWith(file);
  const list = [...packages.map((one) => `package ${one}`), ...files];
  const snapshot = new URL(`loaded/${name.replace('/', '-')}.txt`, import.meta.url);
  await expect(`${list.join('\n')}\n`).toMatchFileSnapshot(fileURLToPath(snapshot));
});

test.each([
  [
    'tutti',
    /^(native|server|client|conductor\/(clients|transport\/(undici|axios))|testing|cli|orchestrator|host\/worker)/,
  ],
  ['tutti/client', /^(native|server|worker|orchestrator|host|app|protocol|testing|cli)\//],
  ['tutti/native', /^(server|worker|orchestrator|host|app|conductor|testing|cli)\//],
  [
    'tutti/server',
    /^(native|worker|orchestrator|host|app|protocol|testing|cli|conductor\/(clients|transport))\//,
  ],
])('%s loads none of what it does not need', (name, foreign) => {
  const [, file] = entries.find(([entry]) => entry === name)!;
  expect(loadedWith(file).files.filter((one) => foreign.test(one))).toEqual([]);
});

test.each([
  ['tutti', ['inversify', 'reflect-metadata']],
  ['tutti/client', ['undici']],
  ['tutti/native', ['inversify', 'reflect-metadata']],
  ['tutti/server', ['@lukeed/ms']],
])('%s loads the packages %j', (name, packages) => {
  const [, file] = entries.find(([entry]) => entry === name)!;
  expect(loadedWith(file).packages).toEqual(packages);
});
