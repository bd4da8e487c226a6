// Gets the boot jar of a released Conductor server from Maven Central, through the local Maven repository.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const DOWNLOAD_TIMEOUT_MS = 15 * 60_000;

/**
 * The path of the boot jar: the given file, or the one in the local Maven repository, fetched when it is not there.
 *
 * @param {string} version
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ jar: string } | { missing: string }}
 */
export function findBootJar(version, env = process.env) {
  const given = env.CONDUCTOR_SERVER_JAR;
  if (given) {
    return existsSync(given)
      ? { jar: given }
      : { missing: `CONDUCTOR_SERVER_JAR names ${given}, which does not exist` };
  }
  const usual = jarIn(join(homedir(), '.m2', 'repository'), version);
  if (existsSync(usual)) return { jar: usual };

  console.log(`Fetching the Conductor server ${version} (about 460 MB, once) …`);
  try {
    const artifact = `org.conductoross:conductor-server:${version}:jar:boot`;
    maven(['dependency:get', `-Dartifact=${artifact}`, '-Dtransitive=false'], 'inherit');
    if (existsSync(usual)) return { jar: usual };
    const repository = maven(
      ['help:evaluate', '-Dexpression=settings.localRepository', '-DforceStdout'],
      'pipe',
    );
    const elsewhere = jarIn(repository.trim(), version);
    if (existsSync(elsewhere)) return { jar: elsewhere };
    return { missing: `mvn dependency:get succeeded, but neither ${usual} nor ${elsewhere} exists` };
  } catch (error) {
    const hint =
      'set CONDUCTOR_SERVER_JAR to a boot jar, or install Maven and allow it to reach Maven Central';
    return { missing: `the boot jar cannot be fetched by mvn (${describe(error)}); ${hint}` };
  }
}

/**
 * @param {string} repository
 * @param {string} version
 */
export function jarIn(repository, version) {
  const folder = join(repository, 'org', 'conductoross', 'conductor-server', version);
  return join(folder, `conductor-server-${version}-boot.jar`);
}

/**
 * @param {string[]} args
 * @param {'inherit' | 'pipe'} stdout
 */
function maven(args, stdout) {
  const isWindows = process.platform === 'win32';
  return execFileSync(isWindows ? 'mvn.cmd' : 'mvn', ['-q', '-B', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', stdout, 'inherit'],
    timeout: DOWNLOAD_TIMEOUT_MS,
    shell: isWindows,
  });
}

/** @param {unknown} error */
function describe(error) {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOENT') return 'there is no mvn on the path';
  return error.message.split('\n')[0];
}
