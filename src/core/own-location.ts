import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** The URL of a file of this package or, where it was put into a bundle, of the bundle. */
export function ownLocation(): string {
  // Bundlers that make CommonJS leave `import.meta` empty, and there is a `__filename` then.
  const url: string | undefined = import.meta.url;
  return url ?? pathToFileURL(__filename).href;
}

/** Loads CommonJS and packages as a file of this package does. */
export function ownRequire(): NodeJS.Require {
  return createRequire(ownLocation());
}
