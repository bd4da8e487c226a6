/** The scripts that find and start a real Conductor server, with types. */
export interface ConductorServer {
  readonly url: string;
  readonly ready: Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** Ends it; its data stay for {@link startConductor} with `again`. */
  halt(): Promise<ServerPlace>;
}

/** A port and a database. */
export interface ServerPlace {
  readonly port: number;
  readonly folder: string;
  readonly postgres?: Database;
}

interface Database {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

/** A PostgreSQL server with data of its own. */
export interface Postgres extends Database {
  /** Ends it as a power failure does. */
  crash(): Promise<void>;
  /** Starts it again after a crash: the same port and the same data. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

interface ConductorParts {
  readonly java: string;
  readonly jar: string;
}

const scripts = new URL('../../scripts/conductor/', import.meta.url);

/** Java and the boot jar; `undefined` where one of them is missing. */
export async function conductorParts(): Promise<ConductorParts | undefined> {
  const { findParts } = (await import(new URL('parts.mjs', scripts).href)) as {
    findParts(): ConductorParts | { reason: string };
  };
  const parts = findParts();
  return 'reason' in parts ? undefined : parts;
}

interface StartOptions extends ConductorParts {
  readonly again?: ServerPlace;
  readonly postgres?: Database | undefined;
}

export async function startConductor(options: StartOptions): Promise<ConductorServer> {
  const { startConductor: startServer } = (await import(new URL('server.mjs', scripts).href)) as {
    startConductor(options: StartOptions): Promise<ConductorServer>;
  };
  const server = await startServer(options);
  await server.ready;
  return server;
}

/** A PostgreSQL server where the run is one with PostgreSQL; `undefined` where it is not. */
export async function startPostgres(): Promise<Postgres | undefined> {
  const bin = process.env['TEST_TUTTI_POSTGRES_BIN'];
  if (bin === undefined) return undefined;
  const { startPostgres: start } = (await import(new URL('postgres.mjs', scripts).href)) as {
    startPostgres(programs: { bin: string }): Promise<Postgres>;
  };
  return await start({ bin });
}
