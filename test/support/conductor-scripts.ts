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
const VERSION = '3.32.1';
const MINIMUM_JAVA = 21;

/** Java and the boot jar; `undefined` where one of them is missing. */
export async function conductorParts(): Promise<ConductorParts | undefined> {
  const { findJdk } = (await import(new URL('jdk.mjs', scripts).href)) as {
    findJdk(minimum: number): Partial<ConductorParts>;
  };
  const { findBootJar } = (await import(new URL('boot-jar.mjs', scripts).href)) as {
    findBootJar(version: string): Partial<ConductorParts>;
  };
  const { java } = findJdk(MINIMUM_JAVA);
  if (java === undefined) return undefined;
  const { jar } = findBootJar(VERSION);
  return jar === undefined ? undefined : { java, jar };
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
