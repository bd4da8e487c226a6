import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { operatorTypes } from '../../../src/server/engine/operators/registry.js';
import { isRefusedType } from '../../../src/server/engine/operators/task-types.js';

const PAGE = readFileSync(new URL('../../../docs/reference/embedded-server.md', import.meta.url), 'utf8');
const section = /^## Operators\n([\s\S]*?)^## /m.exec(PAGE)?.[1] ?? '';
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

function typesOf(carriedOut: string): string[] {
  return rows
    .filter(([, cell]) => cell === carriedOut)
    .flatMap(([types = '']) => [...types.matchAll(/`([A-Z_]+)`/g)].map((match) => match[1]!));
}

describe('the table of operators in docs/reference/embedded-server.md', () => {
  test('has no empty cell', () => {
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      expect(row).toHaveLength(3);
      expect(row, row.join(' | ')).not.toContain('');
      expect(['yes', 'no']).toContain(row[1]);
    }
  });

  test('names each type that is carried out, once', () => {
    expect(typesOf('yes').toSorted()).toEqual(operatorTypes().toSorted());
  });

  test('names as refused what is refused', () => {
    expect(typesOf('no').length).toBeGreaterThan(0);
    expect(typesOf('no').filter((type) => !isRefusedType(type))).toEqual([]);
  });
});
