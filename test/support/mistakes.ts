import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AppProcess, type Exit } from './app-process.js';

/** A program with a mistake, as TypeScript, and what its author gets to read. */
export interface Mistake {
  readonly title: string;
  /** By their names; `main.ts` is started. A `.js` file is taken as it is: a program without a compiler. */
  readonly files: Readonly<Record<string, string>>;
  /** `<origin>` stands for the address of the server without a path. */
  readonly env?: Readonly<Record<string, string>>;
  /** How the program ends by itself; absent: it runs, and is stopped once it has printed the lines. */
  readonly exitCode?: number;
  /**
   * Lines on standard error, one below the other, without time stamps; `<folder>`, `<pid>`, `<url>`, `<port>`, `<n>` and `<id>`
   * stand for what differs from run to run. The last one may be the beginning of a line.
   */
  readonly lines: readonly string[];
}

export interface Outcome {
  readonly exit: Exit;
  /** What it wrote to standard error, with the same words for what differs. */
  readonly lines: readonly string[];
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OPTIONS = {
  target: 'ES2022',
  module: 'NodeNext',
  types: ['node'],
  strict: true,
  skipLibCheck: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  // Some of the mistakes are such that the compiler would find them.
  noCheck: true,
};

/** A folder of programs, compiled together. */
export class MistakenPrograms {
  // In the project, so that `tutti` is the package that was built.
  readonly folder = mkdtempSync(join(ROOT, 'build', 'mistakes-'));
  readonly #mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    this.#mistakes = mistakes;
    mistakes.forEach(({ files }, index) => {
      for (const [name, source] of Object.entries(files)) {
        const path = join(this.folder, `${index}`, name);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, source);
      }
    });
    const config = { compilerOptions: OPTIONS, include: ['**/*.ts'] };
    writeFileSync(join(this.folder, 'tsconfig.json'), JSON.stringify(config));
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', this.folder]);
  }

  /** Runs the program of a mistake to its end, or until it has printed the lines. */
  async run(mistake: Mistake, serverUrl: string): Promise<Outcome> {
    const folder = join(this.folder, `${this.#mistakes.indexOf(mistake)}`);
    const given = Object.entries(mistake.env ?? {}).map(([name, value]): [string, string] => [
      name,
      value.replace('<origin>', new URL(serverUrl).origin),
    ]);
    const env = {
      CONDUCTOR_SERVER_URL: serverUrl,
      TUTTI_STATE_DIR: join(folder, 'state'),
      ...Object.fromEntries(given),
    };
    const app = new AppProcess(undefined, { args: [join(folder, 'main.js')], env });
    const lines = (): string[] => readable(app.stderr, folder, serverUrl);
    const outcome = this.#outcomeOf(app, mistake, lines);
    const left = await outcome.catch(() => undefined).then(() => app.cleanUp());
    const { exit } = await outcome;
    if (left.length > 0) throw new Error(`processes were left behind:\n${left.join('\n')}`);
    return { exit, lines: lines() };
  }

  async #outcomeOf(app: AppProcess, mistake: Mistake, lines: () => string[]): Promise<{ exit: Exit }> {
    if (mistake.exitCode === undefined) {
      await app.until(() => lines().some((line) => line.includes(mistake.lines.at(-1)!)), 'the last line');
      app.signal('SIGTERM');
    }
    return { exit: await app.ended() };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function readable(text: string, folder: string, serverUrl: string): string[] {
  return text
    .replaceAll(pathToFileURL(folder).href, '<folder>')
    .replaceAll(folder, '<folder>')
    .replaceAll(serverUrl, '<url>')
    .replaceAll(/^\d{4}-\d\d-\d\dT\S+Z /gm, '')
    .replaceAll(/\bpid[ =]\d+/g, 'pid <pid>')
    .replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, '<id>')
    .replaceAll(/\b127\.0\.0\.1:\d{4,5}\b/g, '127.0.0.1:<port>')
    .replaceAll(/\(\d{6,} bytes\) are/g, '(<n> bytes) are')
    .replaceAll(/\bworkerid=[\w.-]+/g, 'workerid=<id>')
    .split('\n');
}
