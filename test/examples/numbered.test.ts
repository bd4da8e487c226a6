import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EXAMPLES_FOLDER, hasSumLibrary, readTable, runExample, type ExampleRun } from './run-example.js';

function runNumbered(name: string): Promise<ExampleRun> {
  return runExample(join(EXAMPLES_FOLDER, `${name}.js`));
}

/** The lines that the example ought to have printed and has not. */
function missing({ stdout }: ExampleRun, lines: readonly string[]): string[] {
  const printed = stdout.split('\n');
  return lines.filter((line) => !printed.includes(line));
}

test('01-class-worker', async () => {
  const run = await runNumbered('01-class-worker');

  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, ['The workflow is COMPLETED.', 'Output of its task: {"city":"Oslo","fahrenheit":23}']),
    run.output,
  ).toEqual([]);
  const [, worker, main] =
    /Executed by weather-station-(\d+)-\w+; this is process (\d+)\./.exec(run.stdout) ?? [];
  expect(main, run.output).toBe(String(run.pid));
  expect(worker).not.toBe(main);
});

test('02-function-worker', async () => {
  const run = await runNumbered('02-function-worker');

  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, ['translate: COMPLETED {"text":"gut Morgen"}', 'shout: COMPLETED {"result":"GUT MORGEN"}']),
    run.output,
  ).toEqual([]);
});

test('03-dependency-injection', async () => {
  const run = await runNumbered('03-dependency-injection');

  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, [
      'database 1: connected',
      'different transactions: true',
      'same database: true',
      'database 1: disconnected',
    ]),
    run.output,
  ).toEqual([]);
  expect(run.stdout).toMatch(
    /transaction (\d+): closed after moving 100\n[^]*transaction (?!\1)\d+: closed after moving 250\n/,
  );
  expect(run.stdout.match(/: connected/g), 'one database for all tasks').toHaveLength(1);
});

test('04-native', async () => {
  const run = await runNumbered('04-native');

  if (!hasSumLibrary) {
    expect(run.exitCode, run.output).toBe(78);
    expect(run.stderr).toContain('npm run build:native');
    return;
  }
  expect(run.exitCode, run.output).toBe(0);
  expect(missing(run, ['get_sum(1, 2): COMPLETED {"sum":3}']), run.output).toEqual([]);
  expect(run.stdout).toMatch(/get_sum\("one", 2\): FAILED .*expected parameter 1 "a" to be an integer/);
  expect(run.stdout).toMatch(/get_sum\(3000000000, 1\): FAILED .*got 3000000000/);
});

test('05-errors-and-retries', async () => {
  const run = await runNumbered('05-errors-and-retries');

  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, [
      'charge_card: COMPLETED',
      '  attempt 1: FAILED the bank did not answer',
      '  attempt 2: COMPLETED {"paid":true}',
      '  log of attempt 1: attempt 1 | Error: the bank did not answer',
      '  log of attempt 2: attempt 2',
      'check_card: FAILED',
      '  attempt 1: FAILED_WITH_TERMINAL_ERROR a card has 16 digits',
      'watch_export: COMPLETED',
      '  attempt 1: COMPLETED {"looks":3,"pollCount":3}',
      'render_video: FAILED',
      '  attempt 1: FAILED execution time-out: the task ran longer than 500 ms',
    ]),
    run.output,
  ).toEqual([]);
});

test('06-configuration', async () => {
  const run = await runNumbered('06-configuration');

  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, [
      'event: the orchestrator is running',
      'The workflow is COMPLETED; width 640.',
      'Domain as configured: true',
      'One process for the group: true',
      'event: the orchestrator is stopped',
    ]),
    run.output,
  ).toEqual([]);
  const resize = readTable(run.stdout, 'task type').filter(
    (row) => row['task type'] === 'tutti_example_resize',
  );
  expect(
    resize.map((row) => row['concurrency']),
    run.output,
  ).toEqual(['4', '4']);
  expect(new Set(resize.map((row) => row['pid'])).size).toBe(2);
  expect(run.stdout.match(/event: .* is ready as process/g)).toHaveLength(3);
  expect(run.stdout.match(/event: .* ended with code 0/g)).toHaveLength(3);
  expect(run.stderr, 'everything goes to the logger of the program').toBe('');
});

test('07-discovery', async () => {
  const run = await runNumbered('07-discovery');

  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, [
      'invoice: COMPLETED {"invoice":"R-4711"}',
      'remind: COMPLETED {"reminder":"order 4711 is paid"}',
      'label: COMPLETED {"label":"PARCEL-00004711"}',
      'Found: tutti_example_invoice:InvoiceWorker#1, tutti_example_remind:reminder#1, tutti_example_label:LabelWorker#1',
    ]),
    run.output,
  ).toEqual([]);
});

test('08-saga', async () => {
  const run = await runNumbered('08-saga');

  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, ['Trip of Ada: COMPLETED', 'Cancellation: COMPLETED ["hotel of Grace","flight of Grace"]']),
    run.output,
  ).toEqual([]);
  expect(run.stdout).toMatch(/^Trip of Grace: FAILED .*the card is refused: 750 is above its limit of 500/m);
});

test('09-approval', async () => {
  const run = await runNumbered('09-approval');

  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, [
      'Approved: COMPLETED {"paid":120,"approvedBy":"Ada"}',
      'Forgotten: FAILED nobody has decided',
    ]),
    run.output,
  ).toEqual([]);
  expect(run.stdout.match(/^Reminder: \{"sentTo":"ada@example.com"\}$/gm)).toHaveLength(2);
});

test('10-batch', async () => {
  const run = await runNumbered('10-batch');

  if (!hasSumLibrary) {
    expect(run.exitCode, run.output).toBe(78);
    expect(run.stderr).toContain('npm run build:native');
    return;
  }
  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, [
      'Batch of 3: COMPLETED, 3 accounts, total 10',
      'Batch of 40: COMPLETED, 40 accounts, total 11480',
    ]),
    run.output,
  ).toEqual([]);
});

test('11-rerun', async () => {
  const run = await runNumbered('11-rerun');

  expect(run.exitCode, run.output).toBe(0);
  expect(
    missing(run, [
      'Order: FAILED',
      'Failed task: label, "1234" is no zip code',
      'Order: COMPLETED {"receipt":"receipt of order 4711","label":"parcel of order 4711 to 12345"}',
      'Tasks of shipping: pack COMPLETED, label COMPLETED',
    ]),
    run.output,
  ).toEqual([]);
});

test('every numbered example is run by a test', () => {
  const tests = readFileSync(new URL(import.meta.url), 'utf8');
  const numbered = readdirSync(EXAMPLES_FOLDER)
    .filter((file) => /^\d\d-.*\.js$/.test(file))
    .map((file) => file.replace(/\.js$/, ''));
  expect(numbered.length).toBeGreaterThan(0);
  expect(numbered.filter((name) => !tests.includes(`runNumbered('${name}')`))).toEqual([]);
});
