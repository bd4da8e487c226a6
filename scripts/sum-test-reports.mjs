// Adds up vitest's JSON reports of several runs and prints `N passed, N failed, N skipped` as the last line.
//
//   node scripts/sum-test-reports.mjs FOLDER NAME… [--failed-step STEP]…
//
// Each NAME must have left FOLDER/NAME.json; FOLDER/NAME.failed marks a run that ended with an error. One failure each is
// counted for a suite without a readable report, for a marked run whose report has no failure, and for a failed step.
// The exit code is 1 when anything failed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * What one report adds to the sum. A file that could not be loaded, and an error outside of the tests, count as a failure.
 *
 * @param {any} report
 * @param {boolean} hasEndedWithError the exit code of the run was not 0
 * @returns {{ passed: number, failed: number, skipped: number, notes: string[] }}
 */
export function countReport(report, hasEndedWithError = false) {
  if (typeof report?.notRun === 'string') {
    return { passed: 0, failed: 0, skipped: 1, notes: [`NOT RUN: ${report.notRun}`] };
  }
  if (!Array.isArray(report?.testResults)) {
    return { passed: 0, failed: 1, skipped: 0, notes: ['the report is not one of vitest'] };
  }
  const counts = { passed: 0, failed: 0, skipped: 0, notes: /** @type {string[]} */ ([]) };
  for (const file of report.testResults) {
    const statuses = file.assertionResults.map((/** @type {{ status: string }} */ test) => test.status);
    const count = (/** @type {string} */ wanted) =>
      statuses.filter((/** @type {string} */ s) => s === wanted).length;
    counts.passed += count('passed');
    counts.failed += count('failed');
    counts.skipped += statuses.length - count('passed') - count('failed');
    if (file.status === 'failed' && count('failed') === 0) {
      counts.failed += 1;
      counts.notes.push(`${file.name} failed outside of its tests: ${file.message}`);
    }
  }
  if ((hasEndedWithError || report.success !== true) && counts.failed === 0) {
    counts.failed += 1;
    counts.notes.push('the run ended with an error, but without a failed test');
  }
  if (report.testResults.length === 0) {
    counts.failed += 1;
    counts.notes.push('no test file was run');
  }
  return counts;
}

/**
 * @param {string} folder
 * @param {string} name
 */
function countFile(folder, name) {
  try {
    const report = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    return countReport(report, existsSync(join(folder, `${name}.failed`)));
  } catch {
    return { passed: 0, failed: 1, skipped: 0, notes: ['the suite could not run: it left no report'] };
  }
}

function main() {
  const { values, positionals } = parseArgs({
    options: { 'failed-step': { type: 'string', multiple: true, default: [] } },
    allowPositionals: true,
  });
  const [folder = '.', ...names] = positionals;
  const sum = { passed: 0, failed: values['failed-step'].length, skipped: 0 };
  for (const step of values['failed-step']) console.log(`${step}: FAILED`);
  for (const name of names) {
    const { passed, failed, skipped, notes } = countFile(folder, name);
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
    console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
    for (const note of notes) console.log(`  ${note}`);
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  process.exitCode = sum.failed > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
