import { native, NativeLibrary, type NativePointer } from 'tutti/native';

export type SqlValue = string | number | bigint | null;
export type Row = Record<string, SqlValue>;

const OPEN_FLAGS = 0x2 | 0x4; // SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
const TRANSIENT = -1n; // SQLITE_TRANSIENT: sqlite copies the text

/**
 * SQLite with prepared statements. Each task has its own instance. Whatever it has opened is closed when the task ends,
 * statements before their database.
 */
@NativeLibrary(process.platform === 'darwin' ? 'libsqlite3.dylib' : 'libsqlite3.so.0', {
  scope: 'task',
  types: `
    typedef struct sqlite3 sqlite3;
    typedef struct sqlite3_stmt sqlite3_stmt;
    typedef enum { SQLITE_OK = 0, SQLITE_ERROR = 1, SQLITE_BUSY = 5, SQLITE_CANTOPEN = 14, SQLITE_CONSTRAINT = 19, SQLITE_ROW = 100, SQLITE_DONE = 101 } Code;
    typedef enum { INTEGER = 1, FLOAT, TEXT, BLOB, NULL_VALUE } ValueType;
    typedef int (*row_fn)(void *context, int columns, char **values, char **names);
  `,
  handles: { sqlite3: 'sqlite3_close_v2', sqlite3_stmt: 'sqlite3_finalize' },
})
export class Sqlite {
  @native('Code sqlite3_open_v2(const char *file, _Out_ sqlite3 **database, int flags, const char *vfs)')
  private readonly openV2!: (file: string, database: NativePointer[], flags: number, vfs: null) => string;
  @native('Code sqlite3_close_v2(sqlite3 *database)')
  readonly close!: (database: NativePointer) => string;
  @native('const char *sqlite3_errmsg(sqlite3 *database)')
  private readonly errorMessage!: (database: NativePointer) => string;
  // We own the message: it is copied, then freed.
  @native(
    'Code sqlite3_exec(sqlite3 *db, const char *sql, row_fn onRow, void *context, _Out_ char **message)',
    {
      freedBy: { message: 'sqlite3_free' },
    },
  )
  private readonly exec!: (
    database: NativePointer,
    sql: string,
    onRow: ((context: null, columns: number, values: NativePointer, names: NativePointer) => number) | null,
    context: null,
    message: string[],
  ) => string;
  @native(
    'Code sqlite3_prepare_v2(sqlite3 *db, const char *sql, int length, _Out_ sqlite3_stmt **statement, void *tail)',
  )
  private readonly prepareV2!: (
    database: NativePointer,
    sql: string,
    length: number,
    statement: NativePointer[],
    tail: null,
  ) => string;
  @native(
    'Code sqlite3_bind_text(sqlite3_stmt *statement, int index, const char *text, int length, intptr_t destructor)',
  )
  private readonly bindText!: (
    s: NativePointer,
    index: number,
    text: string,
    length: number,
    d: bigint,
  ) => string;
  @native('Code sqlite3_bind_double(sqlite3_stmt *statement, int index, double value)')
  private readonly bindDouble!: (s: NativePointer, index: number, value: number) => string;
  @native('Code sqlite3_bind_int64(sqlite3_stmt *statement, int index, int64_t value)')
  private readonly bindInt64!: (s: NativePointer, index: number, value: number | bigint) => string;
  @native('Code sqlite3_bind_null(sqlite3_stmt *statement, int index)')
  private readonly bindNull!: (s: NativePointer, index: number) => string;
  @native('Code sqlite3_step(sqlite3_stmt *statement)')
  private readonly step!: (s: NativePointer) => string;
  @native('Code sqlite3_finalize(sqlite3_stmt *statement)')
  private readonly finalize!: (s: NativePointer) => string;
  @native('int sqlite3_column_count(sqlite3_stmt *statement)')
  private readonly columnCount!: (s: NativePointer) => number;
  @native('const char *sqlite3_column_name(sqlite3_stmt *statement, int column)')
  private readonly columnName!: (s: NativePointer, column: number) => string;
  @native('ValueType sqlite3_column_type(sqlite3_stmt *statement, int column)')
  private readonly columnType!: (s: NativePointer, column: number) => string;
  @native('const char *sqlite3_column_text(sqlite3_stmt *statement, int column)')
  private readonly columnText!: (s: NativePointer, column: number) => string;
  @native('int64_t sqlite3_column_int64(sqlite3_stmt *statement, int column)')
  private readonly columnInt64!: (s: NativePointer, column: number) => number | bigint;
  @native('double sqlite3_column_double(sqlite3_stmt *statement, int column)')
  private readonly columnDouble!: (s: NativePointer, column: number) => number;

  open(file: string): NativePointer {
    const database: NativePointer[] = [];
    const code = this.openV2(file, database, OPEN_FLAGS, null);
    if (code !== 'SQLITE_OK') throw new Error(`sqlite: ${file} cannot be opened: ${code}`);
    return database[0]!;
  }

  /** Runs statements without parameters; a callback receives the rows one by one. */
  run(database: NativePointer, sql: string, onRow?: (row: Record<string, string | null>) => void): void {
    const message: string[] = [];
    const forEach = (_: null, columns: number, values: NativePointer, names: NativePointer): number => {
      const texts = values.read('const char *', columns) as (string | null)[];
      const keys = names.read('const char *', columns) as string[];
      onRow?.(Object.fromEntries(keys.map((key, i) => [key, texts[i] ?? null])));
      return 0;
    };
    const code = this.exec(database, sql, onRow === undefined ? null : forEach, null, message);
    if (code !== 'SQLITE_OK') throw new Error(`sqlite: ${message[0] ?? code}`);
  }

  /** Runs a prepared statement with these parameters, and returns its rows. */
  query(database: NativePointer, sql: string, ...parameters: readonly SqlValue[]): Row[] {
    const statements: NativePointer[] = [];
    const code = this.prepareV2(database, sql, -1, statements, null);
    if (code !== 'SQLITE_OK') throw new Error(`sqlite: ${this.errorMessage(database)}`);
    const statement = statements[0]!;
    try {
      parameters.forEach((value, i) => this.#bind(statement, i + 1, value));
      const rows: Row[] = [];
      for (let result = this.step(statement); ; result = this.step(statement)) {
        if (result === 'SQLITE_DONE') return rows;
        if (result !== 'SQLITE_ROW') throw new Error(`sqlite: ${this.errorMessage(database)}`);
        rows.push(this.#row(statement));
      }
    } finally {
      this.finalize(statement);
    }
  }

  #bind(statement: NativePointer, index: number, value: SqlValue): void {
    if (value === null) this.bindNull(statement, index);
    else if (typeof value === 'string') this.bindText(statement, index, value, -1, TRANSIENT);
    else if (typeof value === 'bigint' || Number.isInteger(value)) this.bindInt64(statement, index, value);
    else this.bindDouble(statement, index, value);
  }

  #row(statement: NativePointer): Row {
    const columns = Array.from({ length: this.columnCount(statement) }, (_, i) => i);
    return Object.fromEntries(columns.map((i) => [this.columnName(statement, i), this.#value(statement, i)]));
  }

  #value(statement: NativePointer, column: number): SqlValue {
    switch (this.columnType(statement, column)) {
      case 'NULL_VALUE':
        return null;
      case 'INTEGER':
        return this.columnInt64(statement, column);
      case 'FLOAT':
        return this.columnDouble(statement, column);
      default:
        return this.columnText(statement, column);
    }
  }
}
