import { pathToFileURL } from 'node:url';
import { describeThrown, stackOf } from '../core/errors.js';
import type { Envelope } from '../orchestrator/messages.js';
import { catalogEntry, type WorkerDescription } from './worker-catalog.js';

/**
 * Main file of the process in which `discover` imports unknown files: whatever they do while they are imported
 * (throw, exit, open handles), it ends with this process.
 */

export type DiscoveryRequest = { readonly files: readonly string[] };

export type DiscoveryAnswer =
  | { readonly type: 'importing'; readonly file: string }
  | { readonly type: 'imported'; readonly file: string; readonly workers: readonly WorkerDescription[] }
  | { readonly type: 'failed'; readonly file: string; readonly message: string; readonly stack: string }
  | { readonly type: 'done' };

/** Kept, since an imported file may put something else in its place. */
const send = process.send?.bind(process);

function tell(answer: DiscoveryAnswer): Promise<void> {
  // In an envelope: the files may use the channel for messages of their own.
  const envelope: Envelope<DiscoveryAnswer> = { tutti: answer };
  return new Promise((resolve) => send?.(envelope, undefined, undefined, () => resolve()));
}

async function importAll(files: readonly string[]): Promise<void> {
  for (const file of files) {
    await tell({ type: 'importing', file });
    try {
      const exports = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
      const workers = [...new Set(Object.values(exports))].flatMap(
        (value) => catalogEntry(value, file)?.description ?? [],
      );
      await tell({ type: 'imported', file, workers });
    } catch (error) {
      await tell({ type: 'failed', file, message: describeThrown(error), stack: stackOf(error) });
    }
  }
  await tell({ type: 'done' });
}

process.once('message', (request: DiscoveryRequest) => {
  void importAll(request.files).finally(() => process.exit(0));
});
