import type { SqlConnection } from './sqlite.js';

/** Marks a file as one of the embedded server: "Tutt". */
export const APPLICATION_ID = 0x54757474;

/** Step n takes a file from version n to version n + 1. A step that was released never changes. */
export const MIGRATIONS: readonly string[] = [
  `
  -- What workflows run, once for each distinct definition.
  CREATE TABLE definition (
    n INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
  ) STRICT;

  CREATE TABLE workflow (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    definition INTEGER NOT NULL REFERENCES definition (n),
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    correlation_id TEXT,
    parent_id TEXT,
    end_time INTEGER NOT NULL,
    state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX workflow_by_end ON workflow (is_open, end_time);
  CREATE INDEX workflow_by_status ON workflow (status);
  CREATE INDEX workflow_by_name ON workflow (name);
  CREATE INDEX workflow_by_name_and_status ON workflow (name, status);
  CREATE INDEX workflow_by_correlation ON workflow (correlation_id) WHERE correlation_id IS NOT NULL;
  CREATE INDEX workflow_by_parent ON workflow (parent_id) WHERE parent_id IS NOT NULL;
  CREATE INDEX workflow_by_definition ON workflow (definition);

  -- Apart, since the row of a workflow is written with every decision, and inputs can be large.
  CREATE TABLE workflow_input (
    workflow INTEGER PRIMARY KEY REFERENCES workflow (n),
    input TEXT NOT NULL
  ) STRICT;

  CREATE TABLE task (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    workflow INTEGER NOT NULL REFERENCES workflow (n),
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    -- Whether a search finds it: it was changed since it was scheduled.
    is_indexed INTEGER NOT NULL,
    state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX task_by_workflow ON task (workflow);
  CREATE INDEX task_by_status_and_type ON task (status, type) WHERE is_indexed = 1;

  CREATE TABLE task_log (
    n INTEGER PRIMARY KEY,
    task TEXT NOT NULL,
    created REAL NOT NULL,
    line TEXT NOT NULL
  ) STRICT;
  CREATE INDEX task_log_by_task ON task_log (task);

  -- What is registered: definitions of tasks and workflows, and event handlers.
  CREATE TABLE registered (
    n INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, name, version)
  ) STRICT;
  `,
];

/** Why a file cannot be used, in words that follow its path. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/**
 * Brings a file to the newest version, one transaction for each step. An empty file gets everything.
 *
 * @throws SchemaError when it is of a later version, or belongs to another program; otherwise the error of SQLite
 */
export function migrate(connection: SqlConnection, migrations: readonly string[] = MIGRATIONS): void {
  const version = pragma(connection, 'user_version');
  const applicationId = pragma(connection, 'application_id');
  const isEmpty = connection.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (applicationId !== APPLICATION_ID && !(applicationId === 0 && version === 0 && isEmpty)) {
    throw new SchemaError('is a database of another program; nothing was changed in it. Give another path');
  }
  if (version > migrations.length) {
    throw new SchemaError(
      `has the schema version ${version}, and this version of Tutti knows ${migrations.length}: it was written by a ` +
        'later one. Use that one, or another file',
    );
  }
  for (let step = version; step < migrations.length; step++) {
    connection.exec('BEGIN IMMEDIATE');
    try {
      connection.exec(migrations[step]!);
      connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      connection.exec(`PRAGMA user_version = ${step + 1}`);
      connection.exec('COMMIT');
    } catch (error) {
      connection.exec('ROLLBACK');
      throw error;
    }
  }
}

function pragma(connection: SqlConnection, name: string): number {
  return (connection.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[name]!;
}
