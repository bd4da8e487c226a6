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
    { isReExport = false, isTypeOnly = false } = {},
  ) => {
    if (node?.type !== 'Literal' || typeof node.value !== 'string') return;
    found.push({ specifier: node.value, isReExport, isTypeOnly });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source, { isTypeOnly: node.importKind === 'type' }),
    ExportNamedDeclaration: (node) =>
      add(node.source, { isReExport: true, isTypeOnly: node.exportKind === 'type' }),
    ExportAllDeclaration: (node) =>
      add(node.source, { isReExport: true, isTypeOnly: node.exportKind === 'type' }),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source, { isTypeOnly: true }),
    TSExternalModuleReference: (node) => add(node.expression),
    CallExpression: (node) => {
      if (node.callee.type === 'Identifier' && node.callee.name === 'require') add(node.arguments[0]);
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
  const layerName = topOf(file);
  const layer = rules.layers.find((candidate) => candidate.name === layerName);
  if (layer === undefined) return [`${file}: ${layerName} has no row in the layer table`];

  const problems: string[] = [];
  for (const { specifier, isReExport } of imports) {
    if (isReExport && !rules.barrels.includes(file)) problems.push(`${file}: re-exports from ${specifier}`);
    const problem = specifier.startsWith('.')
      ? problemOfFile(file, layer, specifier)
      : problemOfModule(file, specifier, rules.modules);
    if (problem !== undefined) problems.push(`${file}: ${problem}`);
  }
  return problems;
}

function problemOfFile(file: string, layer: Layer, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
  if (target.startsWith('..')) return `imports ${specifier}, which is outside of src`;
  const targetLayer = topOf(target);
  if (targetLayer === layer.name) return undefined;
  if (layer.mayImport.includes(targetLayer) || layer.mayImport.includes(target)) return undefined;
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
  if (rule.usedIn.some((glob) => toRegExp(glob).test(file))) return undefined;
  return `imports ${specifier}, which only ${rule.usedIn.join(', ')} may`;
}

/** `core/` for `core/errors.ts`, `index.ts` for `index.ts`. */
function topOf(path: string): string {
  const slash = path.indexOf('/');
  return slash === -1 ? path : path.slice(0, slash + 1);
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
