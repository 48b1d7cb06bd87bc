import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '../..');

/** One file of our own, as text and as a syntax tree. */
export interface Source {
  /** From the root, with slashes. */
  readonly path: string;
  readonly name: string;
  readonly folder: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** The TypeScript files below these folders. */
export const sources = (...folders: string[]): Source[] =>
  folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .toSorted()
      .map((name) =>
        sourceFrom(`${folder}/${name.replaceAll(sep, '/')}`, readFileSync(join(ROOT, folder, name), 'utf8')),
      ),
  );

export const sourceFrom = (path: string, text: string): Source => ({
  path,
  name: basename(path),
  folder: dirname(path),
  text,
  tree: ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true),
});

/** Every node of a tree that passes. */
export function nodes<T extends ts.Node>(tree: ts.Node, passes: (node: ts.Node) => node is T): T[] {
  const found: T[] = [];
  const visit = (node: ts.Node): void => {
    if (passes(node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** What a file imports or exports again, static and dynamic: the text between the quotes. */
export const importsOf = ({ tree }: Source): string[] => [
  ...nodes(tree, (node) => ts.isImportDeclaration(node) || ts.isExportDeclaration(node))
    .map(({ moduleSpecifier }) => moduleSpecifier)
    .filter((specifier) => specifier !== undefined)
    .map(textOf),
  ...nodes(tree, ts.isCallExpression)
    .filter(({ expression }) => expression.kind === ts.SyntaxKind.ImportKeyword)
    .flatMap(({ arguments: [specifier] }) => (specifier && ts.isStringLiteral(specifier) ? [specifier.text] : [])),
];

/** Names of the decorators of a class: `Injectable`, `Controller`. */
export const decoratorsOf = (node: ts.ClassDeclaration | ts.MethodDeclaration): string[] =>
  (ts.getDecorators(node) ?? []).map(({ expression }) =>
    (ts.isCallExpression(expression) ? expression.expression : expression).getText(),
  );

const textOf = (node: ts.Expression): string => (ts.isStringLiteral(node) ? node.text : node.getText());
