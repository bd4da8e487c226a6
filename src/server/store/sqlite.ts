import { isBuiltin } from 'node:module';
import { ConfigurationError, describeThrown } from '../../core/errors.js';
import { requireOf } from '../../core/own-location.js';

/** What can be bound to a parameter. */
export type SqlValue = string | number | null;

export interface SqlStatement {
  run(...values: SqlValue[]): {
    readonly changes: number | bigint;
    readonly lastInsertRowid: number | bigint;
  };
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
}

/** A connection to a file of SQLite, as `node:sqlite` and `libsql` both have it. Calls are synchronous. */
export interface SqlConnection {
  exec(sql: string): unknown;
  prepare(sql: string): SqlStatement;
  close(): void;
}

/** Which implementation of SQLite is used. */
export type SqliteDriver = 'node:sqlite' | 'libsql';

/** Which one this Node.js uses: its own, or else the package. */
export function sqliteDriver(): SqliteDriver {
  // Node.js 22.5 to 22.12 have it behind a flag, and say so here.
  return isBuiltin('node:sqlite') ? 'node:sqlite' : 'libsql';
}

/**
 * Loads SQLite, which nothing else does. No file is touched.
 *
 * @returns what opens a file, or throws the error of SQLite
 * @throws ConfigurationError when this machine has no SQLite
 */
export function loadSqlite(driver = sqliteDriver()): (file: string) => SqlConnection {
  const Connection = driver === 'libsql' ? loadLibsql() : loadNodeSqlite();
  return (file) => new Connection(file);
}

/** Loads SQLite and opens a file. */
export function openSqlite(file: string, driver?: SqliteDriver): SqlConnection {
  return loadSqlite(driver)(file);
}

type ConnectionClass = new (file: string) => SqlConnection;

function loadNodeSqlite(): ConnectionClass {
  const original = Object.getOwnPropertyDescriptor(process, 'emitWarning')!;
  // Before Node.js 24 it says once that it is experimental. What is used of it has not changed since.
  Object.defineProperty(process, 'emitWarning', { ...original, value: () => undefined });
  try {
    return (requireOf()('node:sqlite') as { DatabaseSync: ConnectionClass }).DatabaseSync;
  } finally {
    Object.defineProperty(process, 'emitWarning', original);
  }
}

function loadLibsql(): ConnectionClass {
  try {
    return requireOf()('libsql') as ConnectionClass;
  } catch (cause) {
    const [reason = ''] = describeThrown(cause).split('\n');
    const isInstalled = !reason.includes("'libsql'");
    throw new ConfigurationError(
      'CONFIG_INVALID',
      isInstalled
        ? `embeddedServer({ file }): the package libsql is installed but cannot be loaded (${reason}). Install it again on ` +
            `this machine (${process.platform}, ${process.arch}), with its optional dependencies: npm install libsql`
        : `embeddedServer({ file }) needs SQLite, and Node.js ${process.versions.node} has none. Install the package libsql ` +
            '(npm install libsql), or run Node.js 22.13 or later',
      { cause, details: { package: 'libsql' } },
    );
  }
}
