import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BOOTSTRAP_OPTION_RULES, NUMBER_VARIABLES } from '../../../src/app/config/config.js';
import { TUTTI_VARIABLES, WORKER_PROPERTIES } from '../../../src/app/config/worker-settings.js';
import { RESTART_DEFAULTS } from '../../../src/orchestrator/replicas/restart-policy.js';
import { WORKER_DEFAULTS, WORKER_OPTION_RULES } from '../../../src/worker/definition/worker-options.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/reference/configuration.md'), 'utf8');

interface Row {
  readonly option: string;
  readonly variables: readonly string[];
  readonly defaultValue: string;
}

function rowsOf(heading: string): Row[] {
  return tableBelow(heading).map(([option = '', variables = '', defaultValue = '']) => ({
    option: unquote(option),
    variables: variables.match(/[A-Z_]+/g) ?? [],
    defaultValue: unquote(defaultValue),
  }));
}

/** The body rows of the first table below a heading, cell by cell. */
function tableBelow(heading: string): string[][] {
  const [, text = ''] = page.split(`\n## ${heading}\n`);
  const lines = (text.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map(cells);
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function unquote(cell: string): string {
  return cell.replace(/^`(.*)`$/, '$1');
}

describe('the documented options of bootstrap()', () => {
  const rows = rowsOf('`bootstrap()`');

  test('are the existing options, each once', () => {
    expect(rows.map((row) => row.option).sort()).toEqual(Object.keys(BOOTSTRAP_OPTION_RULES).sort());
  });

  test('name the variables of the numbers', () => {
    for (const [option, variable] of Object.entries(NUMBER_VARIABLES)) {
      expect(rows.find((row) => row.option === option)?.variables, option).toEqual([variable]);
    }
  });
});

describe('the documented options of a worker', () => {
  const rows = rowsOf('Workers');

  test('are the existing options, each once', () => {
    expect(rows.map((row) => row.option).sort()).toEqual(Object.keys(WORKER_OPTION_RULES).sort());
  });

  test('have the variables that the code reads', () => {
    const documented = rows.flatMap((row) => row.variables.map((variable) => [variable, row.option]));
    expect(Object.fromEntries(documented)).toEqual(WORKER_PROPERTIES);
  });

  test('have the defaults that the code has', () => {
    const defaults = {
      ...WORKER_DEFAULTS,
      name: 'the name of the class or function',
      workerId: 'the host name',
      executionTimeout: '`timeoutSeconds` of the task definition',
    };
    const inCode = Object.entries(defaults).map(([option, value]) => [option, String(value ?? 'none')]);
    expect(Object.fromEntries(rows.map((row) => [row.option, row.defaultValue]))).toEqual(
      Object.fromEntries(inCode),
    );
  });
});

describe('the rest of the configuration page', () => {
  test('has the restart options with their defaults', () => {
    const documented = tableBelow('`restart`').map(([option = '', value]) => [
      unquote(option),
      Number(value),
    ]);
    expect(Object.fromEntries(documented)).toEqual(RESTART_DEFAULTS);
  });

  test('has every variable that the code reads', () => {
    const variables = new Set(
      readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .flatMap((file) => [
          ...readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(/'((?:CONDUCTOR|TUTTI)_[A-Z_]*[A-Z])'/g),
        ])
        .map((match) => match[1]!),
    );
    // Users never set the marker of worker processes.
    variables.delete('TUTTI_WORKER_PROCESS');
    expect(variables.size).toBeGreaterThan(5);
    const ofTutti = [...variables].filter((variable) => variable.startsWith('TUTTI_'));
    expect(ofTutti.toSorted(), 'TUTTI_VARIABLES in worker-settings.ts').toEqual(TUTTI_VARIABLES);
    expect([...variables].filter((variable) => !page.includes(variable))).toEqual([]);
  });
});
