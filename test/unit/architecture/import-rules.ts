import { posix } from 'node:path';
import { parseSync, Visitor } from 'vite';

/** What one row of the layer table allows: folders end in `/`, anything else is a single file or entry. */
export interface Layer {
  readonly name: string;
  readonly mayImport: readonly string[];
}

/** Where a module from outside may be used: globs below `src`. */
export interface ModuleRule {
  readonly module: string;
  readonly usedIn: readonly string[];
}

export interface ImportRules {
  readonly layers: readonly Layer[];
  readonly modules: readonly ModuleRule[];
  /** The files that may re-export names. */
  readonly barrels: readonly string[];
}

export interface ImportStatement {
  readonly specifier: string;
  readonly isReExport: boolean;
  /** Gone after compilation: `import type`, `export type`, `import('…')` in a type. */
  readonly isTypeOnly: boolean;
  /** `import('…')` and `require('…')`: loaded when the code gets there. */
  readonly isDynamic: boolean;
}

/** The rules of the two tables of docs/architecture.md. */
export function readRules(architecture: string): ImportRules {
  return {
    layers: readTable(architecture, 'Folder').map((row) => ({ name: row.first, mayImport: row.last })),
    modules: readTable(architecture, 'Module').map((row) => ({ module: row.first, usedIn: row.last })),
    barrels: ['index.ts', 'client/index.ts', 'native/index.ts', 'server/index.ts', 'testing/index.ts'],
  };
}

/** The first Markdown table whose header row begins with `firstHeading`, its backticked words per cell. */
export function readTable(markdown: string, firstHeading: string): { first: string; last: string[] }[] {
  const lines = markdown.split('\n');
  const header = lines.findIndex((line) => line.startsWith(`| ${firstHeading} |`));
  if (header === -1) throw new Error(`There is no table that begins with the column "${firstHeading}"`);
  const rows: { first: string; last: string[] }[] = [];
  for (const line of lines.slice(header + 2)) {
    if (!line.startsWith('|')) break;
    const cells = line.split('|').slice(1, -1);
    const [first] = backticked(cells[0] ?? '');
    if (first === undefined) throw new Error(`A row without a name in its first column: ${line}`);
    rows.push({ first, last: backticked(cells.at(-1) ?? '') });
  }
  return rows;
}

function backticked(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
}

/**
 * All modules that a source names: `import`, `export … from`, `import()`, `import('…')` in a type, `import x = require()`
 * and `require()`. A dynamic import whose argument is not a literal has no place in the list.
 */
export function readImports(file: string, source: string): ImportStatement[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]!.message}`);
  const found: ImportStatement[] = [];
  const add = (
    node: { type: string; value?: unknown } | null | undefined,
    { isReExport = false, isTypeOnly = false, isDynamic = false } = {},
  ) => {
    if (node?.type !== 'Literal' || typeof node.value !== 'string') return;
    found.push({ specifier: node.value, isReExport, isTypeOnly, isDynamic });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source, { isTypeOnly: node.importKind === 'type' }),
    ExportNamedDeclaration: (node) =>
      add(node.source, { isReExport: true, isTypeOnly: node.exportKind === 'type' }),
    ExportAllDeclaration: (node) =>
      add(node.source, { isReExport: true, isTypeOnly: node.exportKind === 'type' }),
    ImportExpression: (node) => add(node.source, { isDynamic: true }),
    TSImportType: (node) => add(node.source, { isTypeOnly: true }),
    TSExternalModuleReference: (node) => add(node.expression),
    CallExpression: (node) => {
      if (node.callee.type === 'Identifier' && node.callee.name === 'require')
        add(node.arguments[0], { isDynamic: true });
    },
  }).visit(program);
  return found;
}

/** One sentence for each import of `file` (a path below `src`, `/` between folders) that the rules forbid. */
export function findForbiddenImports(
  file: string,
  imports: readonly ImportStatement[],
  rules: ImportRules,
): string[] {
  const layer = layerOf(file, rules.layers);
  if (layer === undefined) return [`${file}: ${folderOf(file) || file} has no row in the layer table`];

  const problems: string[] = [];
  for (const { specifier, isReExport } of imports) {
    if (isReExport && !rules.barrels.includes(file)) problems.push(`${file}: re-exports from ${specifier}`);
    const problem = specifier.startsWith('.')
      ? problemOfFile(file, layer, specifier, rules.layers)
      : problemOfModule(file, specifier, rules.modules);
    if (problem !== undefined) problems.push(`${file}: ${problem}`);
  }
  return problems;
}

function problemOfFile(
  file: string,
  layer: Layer,
  specifier: string,
  layers: readonly Layer[],
): string | undefined {
  const target = targetOf(file, specifier);
  if (target.startsWith('..')) return `imports ${specifier}, which is outside of src`;
  if (layerOf(target, layers) === layer || layer.mayImport.some((allowed) => isIn(target, allowed)))
    return undefined;
  return `${layer.name} may not import ${target}`;
}

function problemOfModule(
  file: string,
  specifier: string,
  modules: readonly ModuleRule[],
): string | undefined {
  const rule = modules.find(({ module }) => specifier === module || specifier.startsWith(`${module}/`));
  if (rule === undefined) {
    if (specifier.startsWith('node:')) return undefined;
    return `imports ${specifier}, which has no row in the module table`;
  }
  if (mayUseModule(file, rule)) return undefined;
  return `imports ${specifier}, which only ${rule.usedIn.join(', ')} may`;
}

export function mayUseModule(file: string, rule: ModuleRule): boolean {
  return rule.usedIn.some((glob) => toRegExp(glob).test(file));
}

/**
 * The row that holds a file: the longest name that it begins with. A row holds the folders in its folder too, unless
 * one of them has a row: then every other one needs one.
 */
export function layerOf(file: string, layers: readonly Layer[]): Layer | undefined {
  const [layer] = layers
    .filter(({ name }) => isIn(file, name))
    .sort((one, other) => other.name.length - one.name.length);
  if (layer === undefined || folderOf(file) === layer.name || file === layer.name) return layer;
  const isDivided = layers.some(({ name }) => name !== layer.name && name.startsWith(layer.name));
  return isDivided ? undefined : layer;
}

/** Circles of rows that may import each other, whatever the files do today. */
export function findCirclesOfLayers(layers: readonly Layer[]): string[] {
  const graph = layers.map((layer) => {
    const targets = layers.filter(
      (other) =>
        other !== layer &&
        layer.mayImport.some((allowed) => isIn(other.name, allowed) || layerOf(allowed, layers) === other),
    );
    return [layer.name, targets.map(({ name }) => name)] as const;
  });
  return findCircles(new Map(graph));
}

/** The file below `src` that a relative import leads to. */
export function targetOf(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
}

/** `core/` for `core/errors.ts`, nothing for `index.ts`. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** Folders end in `/`. */
function isIn(path: string, place: string): boolean {
  return place.endsWith('/') ? path.startsWith(place) : path === place;
}

function toRegExp(glob: string): RegExp {
  const source = glob
    .split(/(\*\*\/|\*\*|\*)/)
    .map((part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      return part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
    })
    .join('');
  return new RegExp(`^${source}$`);
}

/** Circles of files that import each other, each once, as `a.ts → b.ts → a.ts`. */
export function findCircles(importsOf: ReadonlyMap<string, readonly string[]>): string[] {
  const circles = new Set<string>();
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start !== -1) {
      circles.add([...path.slice(start), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const target of importsOf.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of importsOf.keys()) visit(file, []);
  return [...circles];
}
