import { basename, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeThrown, stackOf } from '../../core/errors.js';
import type { Envelope } from '../../protocol/messages.js';
import { recordDeclaredWorkers, type DeclaredWorker } from '../../worker/definition/declared-workers.js';
import { catalogEntry, type WorkerDescription } from './worker-catalog.js';

/**
 * Main file of the process in which `discover` imports unknown files: whatever they do while they are imported
 * (throw, exit, open handles), it ends with this process.
 */

export type DiscoveryRequest = { readonly files: readonly string[] };

/** What a file was found to hold. */
export interface FileFindings {
  readonly file: string;
  readonly workers: readonly WorkerDescription[];
  /** Names of everything that it exports. */
  readonly exports: readonly string[];
  /** Workers that it declares and no matched file exports, as `GreetWorker (greet)`. */
  readonly notExported: readonly string[];
}

export type DiscoveryAnswer =
  | { readonly type: 'importing'; readonly file: string }
  | { readonly type: 'failed'; readonly file: string; readonly message: string; readonly stack: string }
  | { readonly type: 'done'; readonly found: readonly FileFindings[] };

/** Kept, since an imported file may put something else in its place. */
const send = process.send?.bind(process);

function tell(answer: DiscoveryAnswer): Promise<void> {
  // In an envelope: the files may use the channel for messages of their own.
  const envelope: Envelope<DiscoveryAnswer> = { tutti: answer };
  return new Promise((resolve) => send?.(envelope, undefined, undefined, () => resolve()));
}

async function importAll(files: readonly string[]): Promise<void> {
  const declared = recordDeclaredWorkers();
  const exported = new Set<unknown>();
  const imported: { file: string; exports: Record<string, unknown>; declared: readonly DeclaredWorker[] }[] =
    [];
  for (const file of files) {
    await tell({ type: 'importing', file });
    const before = declared.length;
    try {
      const exports = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
      for (const value of Object.values(exports)) exported.add(value);
      imported.push({ file, exports, declared: declared.slice(before) });
    } catch (error) {
      await tell({ type: 'failed', file, message: describeThrown(error), stack: stackOf(error) });
    }
  }
  // Only now is it known what another file exports.
  const isMissed = ({ value, file }: DeclaredWorker, importedFile: string): boolean =>
    !exported.has(value) && (file === undefined || isSameSource(file, importedFile));
  const found = imported.map(({ file, exports, declared: own }) => ({
    file,
    workers: [...new Set(Object.values(exports))].flatMap(
      (value) => catalogEntry(value, file)?.description ?? [],
    ),
    exports: Object.keys(exports),
    notExported: declared
      .filter((one) => (one.file === undefined ? own.includes(one) : true) && isMissed(one, file))
      .map(({ name, taskType }) => `${name === '' ? '(anonymous class)' : name} (${String(taskType)})`),
  }));
  await tell({ type: 'done', found });
}

/** With source maps a stack names the TypeScript file of what was imported as JavaScript. */
function isSameSource(declaredIn: string, imported: string): boolean {
  const stem = (path: string): string => basename(path, extname(path));
  return declaredIn === imported || (/\.[cm]?tsx?$/.test(declaredIn) && stem(declaredIn) === stem(imported));
}

process.once('message', (request: DiscoveryRequest) => {
  void importAll(request.files).finally(() => process.exit(0));
});
