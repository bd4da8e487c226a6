// Bundles of ES modules often begin with an import of their own of `createRequire`, which another of that name would break.
import * as nodeModule from 'node:module';
import { pathToFileURL } from 'node:url';

/** The URL of a file of this package or, where it was put into a bundle, of the bundle. */
export function ownLocation(): string {
  // Bundlers that make CommonJS leave `import.meta` empty, and there is a `__filename` then.
  const url: string | undefined = import.meta.url;
  return url ?? pathToFileURL(__filename).href;
}

/** `require` of a file of this package, or of another one. */
export function requireOf(file: string = ownLocation()): NodeJS.Require {
  return nodeModule.createRequire(file);
}
