import { describe, expect, test } from 'vitest';
import { countReport } from '../../../scripts/sum-test-reports.mjs';

const file = (status, statuses, message = '') => ({
  name: 'a.test.ts',
  status,
  message,
  assertionResults: statuses.map((one) => ({ status: one })),
});

describe('what a report adds to the sum', () => {
  test('tests by their status; pending and todo are skipped', () => {
    const report = {
      success: false,
      testResults: [
        file('failed', ['passed', 'failed']),
        file('passed', ['passed', 'pending', 'todo', 'skipped']),
      ],
    };
    expect(countReport(report)).toEqual({ passed: 2, failed: 1, skipped: 3, notes: [] });
  });

  test('a file that could not be loaded is a failure', () => {
    const report = { success: false, testResults: [file('failed', [], 'Cannot find module')] };
    const { failed, notes } = countReport(report);
    expect(failed).toBe(1);
    expect(notes.join()).toContain('Cannot find module');
  });

  test('a run that failed without a failed test is a failure', () => {
    const passed = [file('passed', ['passed'])];
    expect(countReport({ success: false, testResults: passed })).toMatchObject({ passed: 1, failed: 1 });
    expect(countReport({ success: true, testResults: passed }, true)).toMatchObject({ passed: 1, failed: 1 });
    expect(countReport({ success: true, testResults: passed }, false)).toMatchObject({
      passed: 1,
      failed: 0,
    });
  });

  test('a run of nothing is a failure', () => {
    expect(countReport({ success: true, testResults: [] }).failed).toBe(1);
  });

  test('a run that could not take place is skipped, and says why', () => {
    expect(countReport({ notRun: 'no Java' })).toEqual({
      passed: 0,
      failed: 0,
      skipped: 1,
      notes: ['NOT RUN: no Java'],
    });
  });

  test.each([[null], [{}], ['text']])('%j is no report, and a failure', (report) => {
    expect(countReport(report).failed).toBe(1);
  });
});
