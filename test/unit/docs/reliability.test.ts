import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(`${root}docs/reliability.md`, 'utf8');

/** What the table names: a file, and the name of a test in it. */
const named = page
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .flatMap((cells) => cells.map((cell) => /^`(test\/[^`]+)`: (.+)$/.exec(cell)))
  .flatMap((match) => (match === null ? [] : [{ file: match[1]!, name: match[2]! }]));

/** Names stand in the files as string literals, however those are quoted. */
function textOf(file: string): string {
  return readFileSync(`${root}${file}`, 'utf8').replaceAll(/\\(['"`])/g, '$1');
}

describe('docs/reliability.md', () => {
  it('names a test for each row', () => {
    const rows = page
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(2);
    expect(rows.length).toBeGreaterThan(20);
    expect(named).toHaveLength(rows.length);
  });

  it.each(named)('$file has the test "$name"', ({ file, name }) => {
    const text = textOf(file);
    expect([`'${name}'`, `"${name}"`, `\`${name}\``].some((literal) => text.includes(literal))).toBe(true);
  });
});
