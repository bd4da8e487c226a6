import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const ENTRY_FILES: Readonly<Record<string, string>> = {
  tutti: 'src/index.ts',
  'tutti/client': 'src/client/index.ts',
  'tutti/native': 'src/native/index.ts',
  'tutti/server': 'src/server/index.ts',
  'tutti/testing': 'src/testing/index.ts',
  'tutti/axios': 'src/conductor/transport/axios-transport.ts',
};
const pages = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file.replaceAll('\\', '/')}`),
];

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

function exportsOf(entryFile: string): string[] {
  const text = read(entryFile);
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list.split(','),
  );
  const declared = [
    ...text.matchAll(/^export (?:abstract )?(?:class|function|const|interface|type) (\w+)/gm),
  ];
  return [...lists.map((name) => name.trim()), ...declared.map(([, name = '']) => name)];
}

/** `<entry> <name>` of all that the snippets of a page import from this package. */
function importsOf(page: string): [entry: string, name: string][] {
  return [...read(page).matchAll(/^import (?:type )?\{([^}]*)\} from '(tutti[^']*)'/gm)].flatMap(
    ([, list = '', entry = '']) =>
      list
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter((name) => name !== '')
        .map((name): [string, string] => [entry, name]),
  );
}

test.each(pages)('what %s imports from the package is exported by it', (page) => {
  const missing = importsOf(page).filter(([entry, name]) => {
    const file = ENTRY_FILES[entry];
    return file === undefined || !exportsOf(file).includes(name);
  });
  expect(missing).toEqual([]);
});

test('the imports of the pages are found', () => {
  expect(pages.flatMap(importsOf).length).toBeGreaterThan(10);
});
