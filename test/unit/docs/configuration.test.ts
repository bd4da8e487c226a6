import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BOOTSTRAP_OPTION_RULES, NUMBER_VARIABLES } from '../../../src/app/config/config.js';
import { TUTTI_VARIABLES, WORKER_PROPERTIES } from '../../../src/app/config/worker-settings.js';
import { RESTART_DEFAULTS } from '../../../src/orchestrator/replicas/restart-policy.js';
import { WORKER_DEFAULTS, WORKER_OPTION_RULES } from '../../../src/worker/definition/worker-options.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const section = /\n## Configuration\n([^]*?)\n## /.exec(readme)?.[1] ?? '';

interface Row {
  readonly option: string;
  readonly variables: readonly string[];
  readonly defaultValue: string;
}

/** The rows below a header whose second cell is this. */
function rowsOf(secondTitle: string): Row[] {
  const lines = section.split('\n');
  const start = lines.findIndex((line) => cells(line)[1] === secondTitle);
  const rows: Row[] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    const [option = '', variables = '', defaultValue = ''] = cells(line);
    rows.push({
      option: unquote(option),
      variables: variables.match(/[A-Z_]+/g) ?? [],
      defaultValue: unquote(defaultValue),
    });
  }
  return rows;
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

describe('the options of bootstrap() in the README', () => {
  const rows = rowsOf('Environment');

  test('are those that there are, each once', () => {
    expect(rows.map((row) => row.option).sort()).toEqual(Object.keys(BOOTSTRAP_OPTION_RULES).sort());
  });

  test('name the variables of the numbers', () => {
    for (const [option, variable] of Object.entries(NUMBER_VARIABLES)) {
      expect(rows.find((row) => row.option === option)?.variables, option).toEqual([variable]);
    }
  });
});

describe('the options of a worker in the README', () => {
  const rows = rowsOf('`CONDUCTOR_WORKER_<NAME>_…`');

  test('are those that there are, each once', () => {
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

describe('the rest of the configuration in the README', () => {
  test('has the restart options with their defaults', () => {
    const text = /\n`restart`: ([^]*?)\. /.exec(section)?.[1] ?? '';
    const documented = [...text.matchAll(/`(\w+)` (\d+)/g)].map(([, option, value]) => [
      option,
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
    // The marker of worker processes is nobody's to set.
    variables.delete('TUTTI_WORKER_PROCESS');
    expect(variables.size).toBeGreaterThan(5);
    const ofTutti = [...variables].filter((variable) => variable.startsWith('TUTTI_'));
    expect(ofTutti.toSorted(), 'TUTTI_VARIABLES in worker-settings.ts').toEqual(TUTTI_VARIABLES);
    expect([...variables].filter((variable) => !section.includes(variable))).toEqual([]);
  });
});
