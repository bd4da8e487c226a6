import { posix } from 'node:path';
import { folderOf, type ImportRules, layerOf, type Layer, mayUseModule } from './import-rules.js';

/** An override of the linter's configuration. */
export interface LintOverride {
  files: string[];
  rules: { 'no-restricted-imports': ['error', { patterns: [{ group: string[]; message: string }] }] };
}

/**
 * What the linter has to know of the tables: for each folder that has files, which relative paths and which modules they
 * may import. Paths are exact, because a pattern of the linter says nothing about where the importing file is.
 *
 * @param files every file below `src`, with `/` between folders
 */
export function lintOverrides(files: readonly string[], rules: ImportRules): LintOverride[] {
  const folders = [...new Set(files.map(folderOf))].filter((folder) => folder !== '').sort();
  return folders.flatMap((folder) => {
    const layer = layerOf(`${folder}any.ts`, rules.layers);
    if (layer === undefined) return [];
    const usual = modulesOf(`${folder}any.ts`, rules);
    const special = files
      .filter((file) => folderOf(file) === folder && modulesOf(file, rules).join() !== usual.join())
      .sort();
    return [
      override([`src/${folder}*.ts`], folder, layer, usual),
      ...special.map((file) => override([`src/${file}`], folder, layer, modulesOf(file, rules))),
    ];
  });
}

function override(files: string[], folder: string, layer: Layer, modules: readonly string[]): LintOverride {
  const group = [
    '**',
    '!node:*',
    '!node:*/**',
    'node:cluster',
    ...ownFolder(folder, layer),
    ...layer.mayImport.map((target) => `!${relativePath(folder, target)}`),
    ...modules.map((module) => `!${module}`),
  ];
  const message = `${layer.name} may import ${layer.mayImport.join(', ') || 'nothing else'} (docs/architecture.md, Layers)`;
  return { files, rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] } };
}

/** A file in a folder of a folder may import what is above it, up to the folder that has the row. */
function ownFolder(folder: string, layer: Layer): string[] {
  if (folder === layer.name) return ['!./**'];
  const top = posix.relative(folder, layer.name);
  return ['!./**', `!${top}/**`, `../${top}/**`];
}

function relativePath(folder: string, target: string): string {
  const path = posix.relative(folder, target).replace(/\.ts$/, '.js');
  const relative = path.startsWith('.') ? path : `./${path}`;
  return target.endsWith('/') ? `${relative}/**` : relative;
}

function modulesOf(file: string, rules: ImportRules): string[] {
  return rules.modules.filter((rule) => mayUseModule(file, rule)).map(({ module }) => module);
}
