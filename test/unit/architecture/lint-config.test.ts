import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readTable } from './import-rules.js';

const ROOT = new URL('../../../', import.meta.url);
const architecture = readFileSync(new URL('docs/architecture.md', ROOT), 'utf8');

interface LintConfig {
  overrides: {
    files: string[];
    rules: { 'no-restricted-imports'?: [string, { patterns: { group: string[] }[] }] };
  }[];
}
const config = JSON.parse(readFileSync(new URL('.oxlintrc.json', ROOT), 'utf8')) as LintConfig;

/** What the linter allows in files that match one of the globs of an override, as the last column of the table has it. */
function allowedBy(glob: string): string[] | undefined {
  const override = config.overrides.find((candidate) => candidate.files.includes(glob));
  const group = override?.rules['no-restricted-imports']?.[1].patterns[0]?.group;
  return group
    ?.filter((pattern) => /^!(?:\.\.\/)+\w/.test(pattern))
    .map((pattern) =>
      pattern
        .replace(/^!(?:\.\.\/)+/, '')
        .replace(/\*\*$/, '')
        .replace(/\.js$/, '.ts'),
    );
}

/** `server/` has folders of its own, and relative paths of every depth need a pattern. */
const globsOf = (folder: string) =>
  folder === 'server/'
    ? ['src/server/*.ts', 'src/server/*/*.ts', 'src/server/*/*/**/*.ts']
    : [`src/${folder}**/*.ts`];

const cases = readTable(architecture, 'Folder')
  .filter((row) => row.first.endsWith('/'))
  .flatMap((row) => globsOf(row.first).map((glob) => ({ glob, allowed: row.last })));

test.each(cases)('the linter allows $glob what docs/architecture.md allows', ({ glob, allowed }) => {
  expect(allowedBy(glob)).toEqual(allowed);
});
