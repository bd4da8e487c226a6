import { BlockList, isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { describeThrown } from '../core/errors.js';
import { Logger, type LogFields, type LogLevel } from '../core/logger.js';
import { didYouMean } from '../core/options.js';
import { embeddedServer, type EmbeddedServerOptions } from '../server/embedded-server.js';

const USAGE = `Usage: tutti server [options]

A Conductor server for development and tests: the REST API of Conductor 3.32, for clients in any language. Ctrl-C stops
it.

  --port N               port to listen on; 0 takes a free one (default: 8080)
  --host ADDRESS         address to listen on (default: 127.0.0.1); any other than this machine needs a key
  --key KEY              let in only who has this key (default: TUTTI_SERVER_KEY): as X-Authorization, as
                         "Authorization: Bearer", or as secret of POST /api/token (CONDUCTOR_AUTH_SECRET)
  --file PATH            keep everything in this file, for the next start (default: in memory, gone with the server)
  --allowed-host NAME    a further name by which clients may call it, such as that of a container; may be repeated
  --http-target HOST     a host that HTTP tasks may send requests to, or "any"; may be repeated (default: this machine)
  --max-body-bytes N     largest body of a request (default: 16777216)
  --max-payload-bytes WHAT=N
                         largest workflow-input, workflow-output, task-input, task-output (default: 10485760 each) or
                         workflow-variables (default: 262144); may be repeated
  --quiet                print nothing but the address

Exit code 0: stopped by SIGINT or SIGTERM; 1: a wrong option; 78: it cannot listen there.`;

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  key: { type: 'string' },
  file: { type: 'string' },
  'allowed-host': { type: 'string', multiple: true },
  'http-target': { type: 'string', multiple: true },
  'max-body-bytes': { type: 'string' },
  'max-payload-bytes': { type: 'string', multiple: true },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const DEFAULT_PORT = 8080;
const EX_CONFIG = 78;
/** Shorter keys are guessed. */
const MIN_KEY_LENGTH = 16;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Where the command prints, where its settings come from, and what ends it. */
export interface ServerCommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  /** Resolves when the server is to stop. */
  readonly stopped: () => Promise<void>;
}

/**
 * `tutti server …`
 *
 * @param args - what stands after `tutti server`
 * @returns the exit code, once the server has stopped
 */
export async function serverCommand(
  args: readonly string[],
  { env, print, printError, stopped }: ServerCommandContext = terminal(),
): Promise<number> {
  let description: ReturnType<typeof describe>;
  let isQuiet: boolean;
  try {
    const { values, positionals } = readArguments(args);
    if (values.help === true) {
      print(USAGE);
      return 0;
    }
    if (positionals.length > 0) throw new Error(`unexpected argument "${positionals[0]}"`);
    isQuiet = values.quiet === true;
    description = describe(values, env);
  } catch (error) {
    printError(`${describeThrown(error)}\n\n${USAGE}`);
    return 1;
  }
  // A server keeps no process of a test runner alive, and a test may well start this command.
  const alive = setInterval(() => undefined, 60_000);
  try {
    return await serve(description, isQuiet, { print, printError, stopped });
  } finally {
    clearInterval(alive);
  }
}

async function serve(
  description: ReturnType<typeof describe>,
  isQuiet: boolean,
  { print, printError, stopped }: Omit<ServerCommandContext, 'env'>,
): Promise<number> {
  // Before the server answers: whoever has seen the address may stop it.
  const end = stopped();
  let server: Awaited<ReturnType<typeof description.start>>;
  try {
    server = await description.start(new ErrorsOnly(printError));
  } catch (error) {
    printError(describeThrown(error));
    return EX_CONFIG;
  }
  print(server.url);
  if (!isQuiet) {
    const { auth, file } = description.options;
    const access = auth === undefined ? '' : ', with a key';
    const place = file ?? 'memory';
    print(
      `Conductor server for development and tests, everything in ${place}${access}. Clients need: CONDUCTOR_SERVER_URL=${server.url}`,
    );
  }
  await end;
  await server.close();
  if (!isQuiet) print('stopped');
  return 0;
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    const unknown = /^Unknown option '--([^']+)'/.exec(describeThrown(error))?.[1];
    if (unknown === undefined) throw error;
    const nearest = didYouMean(unknown, Object.keys(OPTIONS));
    const hint = nearest === undefined ? '' : `, did you mean --${nearest}?`;
    throw new Error(`there is no option --${unknown}${hint}`, { cause: error });
  }
}

type Values = ReturnType<typeof readArguments>['values'];

/** @throws Error that names the option */
function describe(values: Values, env: ServerCommandContext['env']) {
  const host = values.host ?? '127.0.0.1';
  const key = values.key ?? env['TUTTI_SERVER_KEY'];
  if (key !== undefined && key.length < MIN_KEY_LENGTH)
    throw new Error(`--key: expected at least ${MIN_KEY_LENGTH} characters, got ${key.length}`);
  if (key === undefined && !isLoopback(host)) {
    throw new Error(
      `--host ${host}: other machines could reach this server, which carries out scripts and requests for its clients; give them a key with --key or TUTTI_SERVER_KEY, or leave --host out`,
    );
  }
  const targets = values['http-target'];
  const maxBodyBytes = values['max-body-bytes'];
  return embeddedServer({
    port: portOf(values.port),
    host,
    allowedHosts: values['allowed-host'] ?? [],
    ...(values.file === undefined ? {} : { file: values.file }),
    ...(targets === undefined ? {} : { httpTargets: targets.includes('any') ? 'any' : targets }),
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes: numberOf('--max-body-bytes', maxBodyBytes) }),
    maxPayloadBytes: payloadLimitsOf(values['max-payload-bytes'] ?? []),
    ...(key === undefined ? {} : { auth: { key } }),
  });
}

function portOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(`--port: expected a number from 0 to 65535, got "${text}"`);
}

type PayloadLimits = NonNullable<EmbeddedServerOptions['maxPayloadBytes']>;

const PAYLOADS: Readonly<Record<string, keyof PayloadLimits>> = {
  'workflow-input': 'workflowInput',
  'workflow-output': 'workflowOutput',
  'task-input': 'taskInput',
  'task-output': 'taskOutput',
  'workflow-variables': 'workflowVariables',
};

function payloadLimitsOf(texts: readonly string[]): PayloadLimits {
  const entries = texts.map((text) => {
    const [what = '', bytes = ''] = text.split('=');
    const key = Object.hasOwn(PAYLOADS, what) ? PAYLOADS[what] : undefined;
    if (key === undefined) {
      const known = Object.keys(PAYLOADS).join(', ');
      throw new Error(`--max-payload-bytes: expected WHAT=N, where WHAT is one of ${known}, got "${text}"`);
    }
    return [key, numberOf(`--max-payload-bytes ${what}`, bytes)] as const;
  });
  return Object.fromEntries(entries);
}

function numberOf(option: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`${option}: expected a number of bytes, got "${text}"`);
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** What the command prints says already what the server is for. */
class ErrorsOnly extends Logger {
  readonly #print: (text: string) => void;

  constructor(print: (text: string) => void) {
    super();
    this.#print = print;
  }

  override log(level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields): void {
    if (level === 'error')
      this.#print(`${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
  }
}

function terminal(): ServerCommandContext {
  return {
    env: process.env,
    print: (text) => console.log(text),
    printError: (text) => console.error(text),
    stopped: () =>
      new Promise((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
      }),
  };
}
