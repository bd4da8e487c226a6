/** The scripts that find and start a real Conductor server, with types. */
export interface ConductorServer {
  readonly url: string;
  readonly ready: Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** Ends it; its data stay for {@link startConductor} with `again`. */
  halt(): Promise<ServerPlace>;
}

/** A port and the folder of a database. */
export interface ServerPlace {
  readonly port: number;
  readonly folder: string;
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

export async function startConductor(
  parts: ConductorParts & { again?: ServerPlace },
): Promise<ConductorServer> {
  const { startConductor: startServer } = (await import(new URL('server.mjs', scripts).href)) as {
    startConductor(options: ConductorParts & { again?: ServerPlace }): Promise<ConductorServer>;
  };
  const server = await startServer(parts);
  await server.ready;
  return server;
}
