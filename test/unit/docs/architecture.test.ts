import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';

const at = (path: string): URL => new URL(`../../../${path}`, import.meta.url);
const page = readFileSync(at('docs/architecture.md'), 'utf8');
const sources = readdirSync(at('src'), { recursive: true, encoding: 'utf8' });
const names = new Set(sources.map((file) => basename(file)));

/** Files and folders that the page names as code; those in a folder named before go by their names alone. */
const named = [...page.matchAll(/`([\w./-]+(?:\.(?:ts|mjs)|\/))`/g)].map((match) => match[1]!);

test('docs/architecture.md names files and folders that there are', () => {
  expect(named.length).toBeGreaterThan(100);
  const missing = named.filter(
    (path) => !existsSync(at(`src/${path}`)) && !existsSync(at(path)) && !names.has(path),
  );
  expect(missing).toEqual([]);
});
