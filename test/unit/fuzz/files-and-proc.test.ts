import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CALL_RECORD_SIZE, takeNativeCalls } from '../../../src/protocol/native-call-record.js';
import { cgroupLimits, OomCounter } from '../../../src/os/cgroup.js';
import { isInspectorAnswer, isTracedBy, portsIn } from '../../../src/os/debugger-check.js';
import { parseStat } from '../../../src/os/process-tree.js';
import { parseOwner, parseWorkerNotes } from '../../../src/orchestrator/custody/run-files.js';
import { OutboxStore, parseEntry } from '../../../src/worker/delivery/outbox-store.js';
import { RecordingLogger } from '../../support/recording-logger.js';

/** Always the same inputs, and few enough for every run of the suite. */
const RUNS = { seed: 20_261_124, numRuns: 300 };
const FEW = { ...RUNS, numRuns: 60 };

/** Text that nobody has checked: any characters, JSON of any shape, and JSON that was cut off. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.json(),
  fc.tuple(fc.json(), fc.nat(40)).map(([text, cut]) => text.slice(0, -cut || undefined)),
);
const anyValue = fc.anything({ withBigInt: false, maxDepth: 3 });

/** An object of which each field is right, or anything, or missing. */
function bent(right: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(right).map(
    ([name, arbitrary]) => [name, fc.oneof({ weight: 4, arbitrary }, anyValue)] as const,
  );
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

const asJson = (value: unknown): string => JSON.stringify(value) ?? 'null';

describe('the files of a run', () => {
  const owner = bent({
    pid: fc.integer({ min: 1, max: 2 ** 22 }),
    host: fc.string(),
    startTime: fc.string(),
    bootId: fc.string(),
    pidNamespace: fc.string(),
    entry: fc.string(),
    serverUrl: fc.string(),
    orphanGraceMs: fc.nat(),
  });

  it('an owner is a process, or none: never a group of processes, never a text', () => {
    fc.assert(
      fc.property(fc.oneof(owner.map(asJson), anyText), (text) => {
        const parsed = parseOwner(text);
        if (parsed === undefined) return;
        expect(Number.isSafeInteger(parsed.pid) && parsed.pid > 0).toBe(true);
        expect(typeof parsed.host).toBe('string');
        for (const name of ['startTime', 'bootId', 'pidNamespace', 'entry', 'serverUrl'] as const)
          expect(['string', 'undefined']).toContain(typeof parsed[name]);
        expect(parsed.orphanGraceMs ?? 0).toBeGreaterThanOrEqual(0);
      }),
      RUNS,
    );
  });

  it('an owner that was written is read again as it is', () => {
    const right = fc.record({ pid: fc.integer({ min: 1 }), host: fc.string(), startTime: fc.string() });
    fc.assert(
      fc.property(right, (value) => {
        expect(parseOwner(asJson(value))).toMatchObject(value);
      }),
      RUNS,
    );
  });

  it('notes of workers: the whole ones are read, whatever stands between them', () => {
    const note = fc.record({ taskType: fc.string(), workerId: fc.string(), pid: fc.integer({ min: 1 }) });
    const junk = anyText.map((text) => text.replaceAll('\n', ' '));
    fc.assert(
      fc.property(fc.array(fc.oneof(note, junk), { maxLength: 20 }), (lines) => {
        const text = lines.map((line) => (typeof line === 'string' ? line : asJson(line))).join('\n');
        const read = parseWorkerNotes(text).map(({ taskType, workerId, pid }) => ({
          taskType,
          workerId,
          pid,
        }));
        for (const line of lines) if (typeof line !== 'string') expect(read).toContainEqual(line);
        for (const { pid } of read) expect(pid === undefined || pid > 0).toBe(true);
      }),
      RUNS,
    );
  });
});

describe('the files of an outbox', () => {
  const entry = bent({
    version: fc.constant(1),
    body: bent({
      taskId: fc.string(),
      workflowInstanceId: fc.string(),
      status: fc.constantFrom('COMPLETED', 'FAILED', 'IN_PROGRESS'),
      outputData: fc.dictionary(fc.string(), fc.jsonValue()),
    }),
    responseTimeoutSeconds: fc.nat(),
    receivedAt: fc.nat(),
    pollCount: fc.nat(),
  });

  it('an entry has what its delivery needs, or is none', () => {
    fc.assert(
      fc.property(fc.oneof(entry.map(asJson), anyText), (text) => {
        let parsed;
        try {
          parsed = parseEntry(text);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          return;
        }
        expect(typeof parsed.body.taskId).toBe('string');
        expect(typeof parsed.body.workflowInstanceId).toBe('string');
        expect(typeof parsed.responseTimeoutSeconds).toBe('number');
        expect(typeof parsed.receivedAt).toBe('number');
      }),
      RUNS,
    );
  });

  it('whatever lies in the folder: all good results are read, and nothing is lost', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const name = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 20 })
      .map((text) => encodeURIComponent(text).slice(0, 100))
      .filter((text) => text !== '' && text !== '.' && text !== '..');
    const file = fc.tuple(name, fc.constantFrom('', '.result.json', '.tmp', '.set-aside'), anyText);
    await fc.assert(
      fc.asyncProperty(fc.array(file, { maxLength: 8 }), async (files) => {
        const outbox = mkdtempSync(join(folder, 'outbox-'));
        const store = new OutboxStore(outbox, 'one', new RecordingLogger());
        const body = {
          taskId: 'good',
          workflowInstanceId: 'w',
          status: 'COMPLETED',
          outputData: {},
        } as const;
        for (const [base, suffix, text] of files) writeFileSync(join(outbox, `x~${base}${suffix}`), text);
        await store.write({ body, responseTimeoutSeconds: 0, receivedAt: 1 });
        const before = readdirSync(outbox).length;
        const { entries, others, unread } = await store.look();
        expect(unread).toEqual([]);
        expect(entries.map((one) => one.body.taskId)).toContain('good');
        expect(readdirSync(outbox)).toHaveLength(before);
        expect((await store.read()).length).toBe(entries.length);
        expect(readdirSync(outbox)).toHaveLength(before);
        expect(readdirSync(outbox).filter((one) => one.endsWith('.set-aside')).length).toBeGreaterThanOrEqual(
          others.length,
        );
        store.taskIdsOf('x');
      }),
      FEW,
    );
  });
});

describe('what the kernel says', () => {
  const fields = fc.array(fc.integer({ min: -1, max: 2 ** 31 }), { minLength: 21, maxLength: 50 });

  it('no name of a process changes the fields behind it', () => {
    // A name has 15 bytes, any but zero; line breaks and parentheses are what an attacker would choose.
    const name = fc.oneof(
      fc.string({ unit: fc.constantFrom(')', '(', ' ', '\n', 'S', '1', '*', '$'), maxLength: 15 }),
      fc.string({ unit: 'binary', maxLength: 15 }),
    );
    fc.assert(
      fc.property(name, fc.constantFrom('R', 'S', 'D', 'Z', 'T', 'X'), fields, (comm, state, numbers) => {
        const text = `17 (${comm}) ${state} ${numbers.join(' ')}\n`;
        expect(parseStat(text)).toEqual([state, ...numbers.map(String)]);
      }),
      RUNS,
    );
  });

  it('what is not a line of /proc/PID/stat gives nothing, or fields that are numbers', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          fields.map((numbers) => `1 (x) ${numbers.join(' ')}`),
        ),
        (text) => {
          for (const field of parseStat(text)?.slice(1) ?? [])
            expect(Number.isFinite(Number(field))).toBe(true);
        },
      ),
      RUNS,
    );
  });

  it('tables of sockets give ports', () => {
    const line = fc
      .tuple(fc.nat(70_000), fc.constantFrom('0A', '01', 'zz'), fc.nat(3), anyText)
      .map(([port, state, inode, tail]) =>
        [
          '0:',
          `0100007F:${port.toString(16).toUpperCase()}`,
          'x',
          state,
          'a',
          'b',
          'c',
          'd',
          'e',
          inode,
          tail,
        ].join(' '),
      );
    fc.assert(
      fc.property(fc.array(fc.oneof(line, anyText)), (lines) => {
        for (const port of portsIn(['header', ...lines].join('\n'), new Set(['1', '2']))) {
          expect(Number.isInteger(port) && port >= 0 && port <= 65_535).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('status and the answer of an inspector: any text is an answer', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(typeof isTracedBy(text)).toBe('boolean');
        expect(typeof isInspectorAnswer(text)).toBe('boolean');
      }),
      RUNS,
    );
  });

  it('control groups: limits are positive numbers, or there is none', () => {
    const mount = fc.constantFrom(
      '30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw',
      '31 25 0:27 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '32 25 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct',
    );
    const membership = fc.constantFrom('0::/a/b', '4:memory:/docker/1/x', '5:cpu,cpuacct:/', '0::/../x');
    const text = fc.oneof(
      fc.constantFrom('max', '100000 100000', '-1', '0', '1048576', 'oom_kill 3'),
      anyText,
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(mount, anyText)),
        fc.array(fc.oneof(membership, anyText)),
        text,
        (mounts, memberships, content) => {
          const read = (path: string): string | undefined => {
            if (path === '/proc/self/mountinfo') return mounts.join('\n');
            return path === '/proc/self/cgroup' ? memberships.join('\n') : content;
          };
          const { memoryBytes, cpus } = cgroupLimits(read);
          for (const limit of [memoryBytes, cpus]) expect(limit === undefined || limit > 0).toBe(true);
          const kills = new OomCounter(read).read();
          expect(kills === undefined || kills >= 0).toBe(true);
        },
      ),
      RUNS,
    );
  });
});

it('a record of native calls gives a short printable text, or nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const cells = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 128 });
  fc.assert(
    fc.property(
      fc.oneof(cells, fc.constant([1])),
      anyText,
      fc.nat(CALL_RECORD_SIZE),
      (numbers, names, cut) => {
        const file = join(folder, 'record');
        const head = Buffer.alloc(CALL_RECORD_SIZE);
        for (const [index, number] of numbers.entries()) head.writeInt32LE(number, index * 4);
        const content = Buffer.concat([head, Buffer.from(names)]);
        writeFileSync(file, cut % 5 === 0 ? content.subarray(0, cut) : content);
        const calls = takeNativeCalls(file);
        if (calls !== undefined) expect(calls).toMatch(/^[^\p{C}]{1,60000}$/u);
        expect(readdirSync(folder)).toEqual([]);
      },
    ),
    FEW,
  );
});
