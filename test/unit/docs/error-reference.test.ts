import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../../src/core/errors.js';

const page = readFileSync(new URL('../../../docs/reference/errors.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .map((line) => /^\| `([A-Z][A-Z_]+)` \| (.+) \| (.+) \|$/.exec(line))
  .filter((match) => match !== null)
  .map(([, code, meaning, remedy]) => ({ code: code!, meaning: meaning!.trim(), remedy: remedy!.trim() }));

describe('docs/reference/errors.md', () => {
  const codes = Object.keys(ERROR_CODES);
  const documented = rows.map((row) => row.code);

  test('has every code of the package', () => {
    expect(codes.filter((code) => !documented.includes(code))).toEqual([]);
    expect(codes.length).toBeGreaterThan(0);
  });

  test('has no code that the package does not have', () => {
    expect(documented.filter((code) => !codes.includes(code))).toEqual([]);
  });

  test('has each code once, with a meaning and a remedy', () => {
    expect(documented).toHaveLength(new Set(documented).size);
    for (const row of rows) {
      expect(row.meaning.length, row.code).toBeGreaterThan(10);
      expect(row.remedy.length, row.code).toBeGreaterThan(10);
    }
  });
});
