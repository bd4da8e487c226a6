import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrunchLibrary } from '../../examples/native/crunch.library.js';
import { Digests } from '../../examples/native/digest.library.js';
import { Maths } from '../../examples/native/maths.library.js';
import { Sorting } from '../../examples/native/sorting.library.js';
import { Sqlite } from '../../examples/native/sqlite.library.js';
import { TextLibrary } from '../../examples/native/text.library.js';
import { Zlib } from '../../examples/native/zlib.library.js';
import { listedWorkers } from '../../src/app/discovery/worker-catalog.js';
import { WorkerContainer } from '../../src/app/container/container.js';
import { cancellationFlag } from '../../src/native/call/cancellation-flag.js';
import type { NativeBackend } from '../../src/native/backend/backend.js';
import { closeNativeLibrary, openNativeLibrary } from '../../src/native/native-activation.js';
import { native, NativeLibrary } from '../../src/native/native-library.decorator.js';
import type { NativePointer } from '../../src/native/call/native-pointer.js';
import { functionWorker } from '../../src/worker/definition/function-worker.js';
import { TaskContext } from '../../src/worker/execution/task-context.js';
import { makeTask } from '../support/make-task.js';
import { hasSystemLibrary } from '../support/has-system-library.js';
import { nativeBackends } from '../support/native-backends.js';
import { buildNativeProject, copyOf } from '../support/native-project.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ContainerModule } from 'inversify';

const project = buildNativeProject({
  'text/text.cpp': copyOf('text/text.cpp'),
  'crunch/crunch.cpp': copyOf('crunch/crunch.cpp'),
});
process.env['TUTTI_NATIVE_PATH'] = project.built;
afterAll(() => {
  delete process.env['TUTTI_NATIVE_PATH'];
  project.remove();
});

@NativeLibrary('text', { scope: 'task', handles: { text_counter: 'text_counter_close' } })
class PerTaskText {
  @native('text_counter *text_counter_open(void)') readonly openCounter!: () => NativePointer;
  @native('void text_counter_add(text_counter *counter, const char *text)')
  readonly addToCounter!: (counter: NativePointer, text: string) => void;
  @native('uint32_t text_counter_get(const text_counter *counter, const char *word)')
  readonly countOf!: (counter: NativePointer, word: string) => number;
  @native('int text_counters_open(void)') readonly openCounters!: () => number;
}

type LibraryClass<T> = new () => T;

const opened: object[] = [];
afterEach(async () => {
  for (const instance of opened.splice(0)) await closeNativeLibrary(instance);
});

describe.each(nativeBackends())('by %s', (name, backend, isInstalled) => {
  beforeEach(({ skip }) => skip(!isInstalled, `${name} is not installed`));

  const open = <T extends object>(library: LibraryClass<T>, by: NativeBackend = backend): T => {
    const instance = new library();
    openNativeLibrary(instance, { backend: by });
    opened.push(instance);
    return instance;
  };

  describe.skipIf(!hasSystemLibrary(Zlib))('zlib', () => {
    it('compresses what Node.js decompresses, and the other way round', async () => {
      const zlib = open(Zlib);
      const text = Buffer.from('grüß dich, '.repeat(1000));
      expect(inflateSync(await zlib.compress(text))).toEqual(text);
      expect(await zlib.decompress(deflateSync(text), text.length)).toEqual(text);
      expect(zlib.crc32(0, Buffer.from('123456789'), 9)).toBe(0xcbf43926);
    });

    it('many at a time', async () => {
      const zlib = open(Zlib);
      const texts = Array.from({ length: 300 }, (_, i) => Buffer.from(`text ${i} `.repeat(20)));
      const compressed = await Promise.all(texts.map((text) => zlib.compress(text)));
      expect(compressed.map((bytes) => inflateSync(bytes))).toEqual(texts);
    });

    it('its errors are codes', async () => {
      const zlib = open(Zlib);
      await expect(zlib.decompress(Buffer.from('no zlib data'), 100)).rejects.toThrow(
        'uncompress returned -3',
      );
    });
  });

  describe.skipIf(!hasSystemLibrary(Sqlite))('sqlite3', () => {
    it('prepared statements take and give every type', () => {
      const sqlite = open(Sqlite);
      const database = sqlite.open(':memory:');
      sqlite.run(database, 'CREATE TABLE t (a INTEGER, b REAL, c TEXT, d)');
      const rows = [
        { a: 1, b: 1.5, c: 'grün', d: null },
        { a: 2n ** 62n, b: -0.25, c: '', d: 'text' },
      ];
      for (const { a, b, c, d } of rows)
        sqlite.query(database, 'INSERT INTO t VALUES (?, ?, ?, ?)', a, b, c, d);
      expect(sqlite.query(database, 'SELECT * FROM t ORDER BY a')).toEqual(rows);
      expect(sqlite.query(database, 'SELECT c FROM t WHERE a = ?', 1)).toEqual([{ c: 'grün' }]);
    });

    it('rows come through a callback', () => {
      const sqlite = open(Sqlite);
      const database = sqlite.open(':memory:');
      const seen: unknown[] = [];
      sqlite.run(database, "SELECT 1 AS one, 'zwei' AS two UNION SELECT NULL, 'drei' ORDER BY 1", (row) =>
        seen.push(row),
      );
      expect(seen).toEqual([
        { one: null, two: 'drei' },
        { one: '1', two: 'zwei' },
      ]);
      const failing = () =>
        sqlite.run(database, 'SELECT 1', () => {
          throw new Error('in the callback');
        });
      expect(failing).toThrow('in the callback');
    });

    it('errors carry its message', () => {
      const sqlite = open(Sqlite);
      const database = sqlite.open(':memory:');
      expect(() => sqlite.run(database, 'SELEKT 1')).toThrow('sqlite: near "SELEKT": syntax error');
      expect(() => sqlite.query(database, 'SELECT * FROM nowhere')).toThrow('no such table: nowhere');
      expect(() => sqlite.open('/nowhere/at/all.db')).toThrow('SQLITE_CANTOPEN');
    });

    it('what was left open is closed with it; what was closed cannot be used', async () => {
      const sqlite = open(Sqlite);
      const database = sqlite.open(':memory:');
      expect(sqlite.close(database)).toBe('SQLITE_OK');
      expect(() => sqlite.query(database, 'SELECT 1')).toThrow('closed');
      const other = sqlite.open(':memory:');
      await closeNativeLibrary(sqlite);
      expect(other.isClosed).toBe(true);
    });
  });

  it.skipIf(!hasSystemLibrary(Maths))('libm', () => {
    const maths = open(Maths);
    const exponent: number[] = [];
    expect([maths.cos(Math.PI), maths.pow(2, 0.5), maths.hypotf(3, 4), maths.lround(-2.5)]).toEqual([
      -1,
      Math.SQRT2,
      5,
      -3,
    ]);
    expect([maths.frexp(20, exponent), exponent]).toEqual([0.625, [5]]);
  });

  it.skipIf(!hasSystemLibrary(Sorting))('qsort', () => {
    const sorting = open(Sorting);
    const numbers = Int32Array.from({ length: 2000 }, (_, i) => (i * 7919) % 2003);
    const expected = Int32Array.from(numbers).sort();
    sorting.sort(numbers, (a, b) => a - b);
    expect(numbers).toEqual(expected);
  });

  it.skipIf(!hasSystemLibrary(Digests))('the digests of OpenSSL', async () => {
    const digests = open(Digests);
    const chunks = Array.from({ length: 20 }, (_, i) => Buffer.alloc(1000, i));
    for (const digest of ['sha256', 'sha512', 'sha1']) {
      const expected = createHash(digest).update(Buffer.concat(chunks)).digest('hex');
      expect(await digests.hex(digest, chunks)).toBe(expected);
    }
    await expect(digests.hex('sha257', chunks)).rejects.toThrow('OpenSSL has no digest "sha257"');
  });

  describe.skipIf(!project.isBuilt)('our own', () => {
    it('text', () => {
      const text = open(TextLibrary);
      expect([text.version(), text.upper('grüß dich')]).toEqual(['1.0', 'GRüß DICH']);
      expect([text.split('a=b=c', '='), text.split('abc', '=')]).toEqual([['a', 'b=c'], undefined]);
      expect(text.stats('one three\nfive')).toEqual({ words: 3, lines: 2, mean_word_length: 4 });
      const words: string[] = [];
      expect(text.eachWord('one two three', (word) => words.push(word) < 2)).toBe(2);
      expect(words).toEqual(['one', 'two']);
      const counter = text.openCounter();
      text.addToCounter(counter, 'a b a');
      expect([text.countOf(counter, 'a'), text.countOf(counter, 'z')]).toEqual([2, 0]);
    });

    it('crunch: progress from the thread pool, and the end by a flag', async () => {
      const crunch = open(CrunchLibrary);
      const shares: number[] = [];
      expect(await crunch.primes(10_000, null, (share) => void shares.push(share))).toBe(1229);
      expect(shares.length).toBeGreaterThan(90);
      expect(shares).toEqual([...shares].sort((a, b) => a - b));
      const controller = new AbortController();
      const endless = crunch.primes(Number.MAX_SAFE_INTEGER, cancellationFlag(controller.signal), null);
      controller.abort();
      expect(await endless).toBe(-1);
    });
  });

  it.skipIf(!project.isBuilt || name !== 'koffi')('handles of a task are closed with the task', async () => {
    const probe = open(TextLibrary);
    const before = probe.openCounters();
    const instances: PerTaskText[] = [];
    const worker = functionWorker(
      'count',
      (task, _context, text) => {
        instances.push(text);
        const counter = text.openCounter();
        text.addToCounter(counter, String(task.inputData['text']));
        if (text.countOf(counter, 'fail') > 0) throw new Error('failed');
        return { open: text.openCounters() - before };
      },
      { scope: 'task', inject: [PerTaskText] },
    );
    const logger = new RecordingLogger();
    const container = new WorkerContainer({
      modules: [new ContainerModule(({ bind }) => void bind(PerTaskText).toSelf())],
      logger,
    });
    const { source } = await container.build(listedWorkers([worker]).entries[0]!, 'task');
    const run = async (text: string): Promise<unknown> => {
      const task = makeTask('t', { inputData: { text } });
      const acquired = await source.acquire(task);
      try {
        const context = new TaskContext({ task, workerId: 'w', logger, onProgress: () => undefined });
        return await acquired.worker.execute(task, context);
      } finally {
        await acquired.release();
      }
    };
    expect(await run('a b')).toEqual({ open: 1 });
    expect(await run('c')).toEqual({ open: 1 });
    await expect(run('fail')).rejects.toThrow('failed');
    expect(new Set(instances).size).toBe(3);
    expect(probe.openCounters()).toBe(before);
    await container.close();
  });
});
