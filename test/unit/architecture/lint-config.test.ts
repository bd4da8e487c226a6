import { readdirSync, readFileSync } from 'node:fs';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';
import { expect, test } from 'vitest';
import { readRules } from './import-rules.js';
import { lintOverrides } from './lint-rules.js';

const ROOT = new URL('../../../', import.meta.url);
const LAYERS = fileURLToPath(new URL('.oxlintrc.layers.json', ROOT));
const SRC = fileURLToPath(new URL('src/', ROOT));

const rules = readRules(readFileSync(new URL('docs/architecture.md', ROOT), 'utf8'));
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.split(sep).join('/'));

/** After a change of the tables: `npx vitest run test/unit/architecture --update`. */
test('the linter knows the tables of docs/architecture.md', async () => {
  const overrides = lintOverrides(files, rules);
  expect(overrides.length).toBeGreaterThan(30);
  const options = await prettier.resolveConfig(LAYERS);
  const json = await prettier.format(JSON.stringify({ overrides }), { ...options, filepath: LAYERS });
  await expect(json).toMatchFileSnapshot(LAYERS);
});

test('the configuration of the linter includes them', () => {
  const config = JSON.parse(readFileSync(new URL('.oxlintrc.json', ROOT), 'utf8')) as { extends?: string[] };
  expect(config.extends).toContain('./.oxlintrc.layers.json');
});
