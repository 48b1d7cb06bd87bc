import ts from 'typescript';
import { decoratorsOf, importsOf, nodes, sourceFrom, sources, type Source } from '../support/sources.js';

type Rule = (all: Source[]) => string[];

const FORBIDDEN_FOLDERS = ['utils', 'helpers', 'dto', 'interfaces', 'constants', 'shared', 'core', 'lib'];
const MOST_FILES = 12;

/** Where a class with this decorator lives. */
const SUFFIXES: Record<string, RegExp> = {
  Module: /\.module\.ts$/,
  Controller: /\.controller\.ts$/,
  Entity: /\.entity\.ts$/,
  Schema: /\.(schema|mongoose)\.ts$/,
  Processor: /\.processor\.ts$/,
  Catch: /\.filter\.ts$/,
};

/** Where a class with such a name lives. */
const NAMES: [name: RegExp, file: RegExp][] = [
  [/Service$/, /\.service\.ts$/],
  [/Repository$/, /\.repository(\.\w+)?\.ts$/],
  [/Controller$/, /\.controller\.ts$/],
  [/Module$/, /\.module\.ts$/],
  [/Guard$/, /\.guard\.ts$/],
  [/Processor$/, /\.processor\.ts$/],
];

const classes = ({ tree }: Source) => nodes(tree, ts.isClassDeclaration);
const each = (find: (source: Source) => string[]): Rule => {
  return (all) => all.flatMap((source) => find(source).map((mistake) => `${source.path}: ${mistake}`));
};

const noFolderOfAKind: Rule = each(({ folder }) =>
  folder.split('/').filter((name) => FORBIDDEN_FOLDERS.includes(name)),
);

const smallFolders: Rule = (all) => {
  const folders = new Map<string, number>();
  for (const { folder } of all) folders.set(folder, (folders.get(folder) ?? 0) + 1);
  return [...folders]
    .filter(([folder, files]) => /^src\/(?!common$)/.test(folder) && files > MOST_FILES)
    .map(([folder, files]) => `${folder}: ${files} files`);
};

const shortRelativeImports: Rule = each((source) =>
  importsOf(source).filter((path) => path.startsWith('.') && !/^(\.|\.\.(\/\.\.)?)\/(?!\.).*\.m?js(on)?$/.test(path)),
);

const noBarrels: Rule = each(({ name, tree }) => [
  ...(name === 'index.ts' ? ['is a barrel'] : []),
  ...nodes(tree, ts.isExportDeclaration)
    .filter(({ exportClause }) => !exportClause)
    .map((node) => node.getText()),
]);

const environmentOnlyInConfig: Rule = each(({ folder, tree }) => [
  ...(folder === 'src/config'
    ? []
    : nodes(tree, ts.isPropertyAccessExpression)
        .filter(isEnvironment)
        .map((node) => node.getText())),
  ...nodes(tree, ts.isImportDeclaration)
    .filter(({ moduleSpecifier }) => /^'(node:)?process'$/.test(moduleSpecifier.getText()))
    .map((node) => node.getText()),
]);
const isEnvironment = ({ name, expression }: ts.PropertyAccessExpression) =>
  name.text === 'env' && /\bprocess$/.test(expression.getText());

const suffixes: Rule = each((source) =>
  classes(source).flatMap((node) => {
    const name = node.name?.text ?? '';
    const expected = [
      ...decoratorsOf(node).map((decorator) => SUFFIXES[decorator]),
      ...NAMES.filter(([pattern]) => pattern.test(name)).map(([, file]) => file),
    ];
    return expected.some((file) => file && !file.test(source.name))
      ? [`${name} belongs into a file named otherwise`]
      : [];
  }),
);

const servicesKnowNoHttp: Rule = each(({ name, tree }) =>
  /\.(service|repository(\.\w+)?)\.ts$/.test(name)
    ? nodes(tree, ts.isImportSpecifier)
        .map((node) => node.getText())
        .filter((imported) => /Exception$|^Http|^(Req|Res|Headers)$/.test(imported))
    : [],
);

/** Services, and the ports: abstract classes that are no errors and no bases of DTOs. */
const isDocumented = ({ name }: Source, node: ts.ClassDeclaration): boolean =>
  name.endsWith('.service.ts') ||
  nodes(node, ts.isMethodDeclaration).some((method) => has(method, ts.SyntaxKind.AbstractKeyword));

const has = (node: ts.MethodDeclaration, kind: ts.ModifierSyntaxKind) =>
  node.modifiers?.some((modifier) => modifier.kind === kind) ?? false;

const documentedServices: Rule = each((source) =>
  classes(source)
    .filter((node) => isDocumented(source, node))
    .flatMap(({ members }) => members.filter(ts.isMethodDeclaration))
    .filter((node) => !has(node, ts.SyntaxKind.PrivateKeyword) && !has(node, ts.SyntaxKind.ProtectedKeyword))
    .filter((node) => !ts.getJSDocCommentsAndTags(node).some(ts.isJSDoc))
    .map((node) => `${node.name.getText()}() lacks TSDoc`),
);

/**
 * oxlint knows this rule, and overlooks files that are called neither spec nor test. What depends on the machine or the
 * roles stands behind a condition.
 */
const noTestLeftOut: Rule = each(({ path, tree }) =>
  /^test\/(?!support\/)/.test(path)
    ? [
        ...nodes(tree, ts.isPropertyAccessExpression).filter(({ parent }) => !ts.isConditionalExpression(parent)),
        ...nodes(tree, ts.isCallExpression).map(({ expression }) => expression),
      ]
        .map((node) => node.getText())
        .filter((text) => /^(it|test|describe)(\.\w+)*\.(only|skip|todo|failing)$|^[fx](it|test|describe)$/.test(text))
    : [],
);

/** The guard lets API keys in where a scope is declared, and nowhere else: what it lets in there may have no session. */
const keysHaveNoSession: Rule = each((source) =>
  classes(source).flatMap((node) =>
    node.members
      .filter(ts.isMethodDeclaration)
      .filter((method) => [...decoratorsOf(node), ...decoratorsOf(method)].includes('Permissions'))
      .filter(({ parameters }) => parameters.some(({ type }) => type?.getText().includes('SessionPrincipal')))
      .map((method) => `${method.name.getText()}() is open to API keys, and takes whoever asks for a session`),
  ),
);

/** Money is integers: no fraction, no quotient, nothing made a number of by guessing. One file converts, exactly. */
const moneyIsIntegers: Rule = each(({ path, tree }) =>
  /^src\/payments\/(?!money\/minor-units\.ts$)/.test(path)
    ? [
        ...nodes(tree, ts.isNumericLiteral).filter(
          (node) => /[.eE]/.test(node.getText()) && !/^0x/i.test(node.getText()),
        ),
        ...nodes(tree, ts.isBinaryExpression).filter(
          ({ operatorToken: { kind } }) => kind === ts.SyntaxKind.SlashToken,
        ),
        ...nodes(tree, ts.isCallExpression).filter(({ expression }) =>
          /^(Number\.)?parse(Float|Int)$|\.to(Fixed|Precision)$/.test(expression.getText()),
        ),
      ].map((node) => node.getText())
    : [],
);

/** Each rule beside a file that breaks it, so that none is a rule in name only. */
const RULES: [rule: string, find: Rule, path: string, breaks: string][] = [
  ['no folder is named after a kind of thing', noFolderOfAKind, 'src/users/dto/a.ts', ''],
  ['a relative import is at most ../../ long', shortRelativeImports, 'src/a.ts', `import '../../../a.js';`],
  ['a relative import ends in .js', shortRelativeImports, 'src/a.ts', `void import('./a');`],
  ['no file exports all of another', noBarrels, 'src/a.ts', `export * from './b.js';`],
  ['no file is called index.ts', noBarrels, 'src/users/index.ts', ''],
  [
    'the environment is read in src/config alone',
    environmentOnlyInConfig,
    'src/a.ts',
    `const a = globalThis.process.env;`,
  ],
  ['the environment has no second door', environmentOnlyInConfig, 'src/a.ts', `import { env } from 'node:process';`],
  ['a decorator tells the name of its file', suffixes, 'src/users/a.ts', `@Controller('a') class A {}`],
  ['a class tells the name of its file', suffixes, 'src/users/a.ts', `class AService {}`],
  [
    'services know no HTTP',
    servicesKnowNoHttp,
    'src/a.service.ts',
    `import { NotFoundException } from '@nestjs/common';`,
  ],
  [
    'public methods of services are documented',
    documentedServices,
    'src/a.service.ts',
    `class AService { private a() {} b() {} }`,
  ],
  ['money has no fractions', moneyIsIntegers, 'src/payments/a.ts', `const a = 0.5;`],
  ['money is not divided', moneyIsIntegers, 'src/payments/a.ts', `const a = b / c;`],
  ['money is not guessed from a text', moneyIsIntegers, 'src/payments/a.ts', `const a = parseFloat(b);`],
  ['no test is left out', noTestLeftOut, 'test/e2e/a.e2e.ts', `xit('a', () => {});`],
  ['no test leaves the others out', noTestLeftOut, 'test/e2e/a.e2e.ts', `describe.only.each([])('a', () => {});`],
  [
    'what is open to API keys expects no session',
    keysHaveNoSession,
    'src/a.controller.ts',
    `class AController { @Permissions('users:read') a(@CurrentUser() actor: SessionPrincipal) {} }`,
  ],
  ['methods of ports are documented', documentedServices, 'src/a.ts', `abstract class A { abstract b(): void; }`],
];

const shipped = sources('src', 'migrations');
const tests = sources('test');

describe('the house rules', () => {
  it.each(RULES)('%s', (_, find, path) => {
    expect(find(path.startsWith('test/') ? tests : shipped)).toEqual([]);
  });

  it(`a folder of src holds at most ${MOST_FILES} files; common is a shelf and no feature`, () => {
    expect(smallFolders(shipped)).toEqual([]);
  });
});

describe('the rules themselves', () => {
  it.each(RULES)('%s: would be seen', (_, find, path, breaks) => {
    expect(find([sourceFrom(path, breaks)])).toHaveLength(1);
  });

  it('a full folder would be seen', () => {
    const files = Array.from({ length: MOST_FILES + 1 }, (_, index) => sourceFrom(`src/users/${index}.ts`, ''));

    expect(smallFolders(files)).toEqual(['src/users: 13 files']);
    expect(smallFolders(files.slice(1))).toEqual([]);
  });
});
