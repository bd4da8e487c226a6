import { glob } from 'tinyglobby';

/** Absolute paths of the files below `root` that match any of `patterns`, sorted; `node_modules` is left out. */
export async function matchingFiles(patterns: readonly string[], root: string): Promise<string[]> {
  const files = await glob([...patterns], {
    cwd: root,
    absolute: true,
    onlyFiles: true,
    ignore: ['**/node_modules/**'],
  });
  return [...new Set(files)].sort();
}
