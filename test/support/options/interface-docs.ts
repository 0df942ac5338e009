import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** One option as its interface documents it. */
export interface OptionDoc {
  readonly name: string;
  /** Text of its doc comment, in one line. */
  readonly description: string;
  /** Text of `@default`. */
  readonly preset: string | undefined;
  /** Its type in TypeScript; a function shows the names of its parameters alone. */
  readonly type: string;
  /** Its members, if it is an object of options. */
  readonly members: readonly OptionDoc[];
  /** Only for the middleware by itself: `resilientProxy()` sets it. */
  readonly alone: boolean;
  /** An option of each entry of a list, which may be given in another form too. */
  readonly listed?: boolean;
}

type Declarations = ReadonlyMap<string, ts.InterfaceDeclaration | ts.TypeAliasDeclaration>;

/** The documentation of the interfaces in these files, by name. */
export function interfaceDocs(paths: readonly string[]): (name: string) => readonly OptionDoc[] {
  const declarations: Declarations = new Map(
    paths.flatMap((path) => {
      const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
      return source.statements
        .filter((node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
        .map((node) => [node.name.text, node] as const);
    }),
  );
  return (name) => {
    const declaration = declarations.get(name);
    if (!declaration || !ts.isInterfaceDeclaration(declaration)) throw new Error(`no interface ${name}`);
    return allMembers(declaration, declarations);
  };
}

/** Those of what it extends come first. */
function allMembers({ members, heritageClauses = [] }: InterfaceLike, known: Declarations): OptionDoc[] {
  const inherited = heritageClauses.flatMap(({ types }) =>
    types.flatMap(({ expression }) => {
      const base = known.get(expression.getText());
      return base && ts.isInterfaceDeclaration(base) ? allMembers(base, known) : [];
    }),
  );
  return [...inherited, ...membersOf(members, known)];
}

type InterfaceLike = Pick<ts.InterfaceDeclaration, 'members'> & {
  readonly heritageClauses?: readonly ts.HeritageClause[] | undefined;
};

function membersOf(members: ts.NodeArray<ts.TypeElement>, known: Declarations): OptionDoc[] {
  return members.flatMap((member) => {
    if (!ts.isPropertySignature(member) && !ts.isMethodSignature(member)) return [];
    const { comment, tags } = docOf(member);
    const preset = tags.find(({ tagName }) => tagName.text === 'default');
    const node = ts.isPropertySignature(member) ? member.type : member;
    return [
      {
        name: member.name.getText(),
        description: oneLine(ts.getTextOfJSDocComment(comment) ?? ''),
        preset: preset && oneLine(ts.getTextOfJSDocComment(preset.comment) ?? ''),
        type: node ? typeText(given(node), known) : 'unknown',
        members: node ? heldBy(node, known) : [],
        alone: false,
      },
    ];
  });
}

/** The type without the `undefined` that every option may be. */
function given(node: ts.Node): ts.Node {
  if (!ts.isUnionTypeNode(node)) return node;
  const types = node.types.filter(({ kind }) => kind !== ts.SyntaxKind.UndefinedKeyword);
  const [first] = types;
  if (types.length === node.types.length || !first) return node;
  if (types.length === 1) return ts.isParenthesizedTypeNode(first) ? first.type : first;
  return ts.factory.createUnionTypeNode(types);
}

function docOf(node: ts.Node): { comment: ts.JSDoc['comment']; tags: readonly ts.JSDocTag[] } {
  const doc = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc);
  return { comment: doc?.comment, tags: [...(doc?.tags ?? [])] };
}

const oneLine = (text: string) =>
  text
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/\s+/g, ' ')
    .trim();

function typeText(node: ts.Node, known: Declarations): string {
  if (ts.isMethodSignature(node) || ts.isFunctionTypeNode(node)) {
    const names = node.parameters.map(({ name }) => name.getText()).join(', ');
    return `(${names}) => ${node.type ? typeText(node.type, known) : 'void'}`;
  }
  if (ts.isTypeLiteralNode(node)) return 'options';
  if (ts.isUnionTypeNode(node)) {
    const texts = node.types.map((one) => [typeText(one, known), calledBack(one).length > 0] as const);
    return texts.map(([text, called]) => (called ? `(${text})` : text)).join(' | ');
  }
  if (ts.isParenthesizedTypeNode(node)) return `(${typeText(node.type, known)})`;
  if (ts.isArrayTypeNode(node)) {
    const of = typeText(node.elementType, known);
    // The description says what they may be.
    if (ts.isTypeReferenceNode(node.elementType) && of.includes(' | ')) return 'string[]';
    return / \| /.test(of) && !of.startsWith('(') ? `(${of})[]` : `${of}[]`;
  }
  if (ts.isTypeOperatorNode(node)) return typeText(node.type, known);
  const [called] = calledBack(node);
  if (called) return typeText(called, known);
  // A literal type that a type parameter may leave out.
  if (ts.isTypeReferenceNode(node) && node.typeName.getText() === 'Extract' && node.typeArguments?.[1])
    return typeText(node.typeArguments[1], known);
  const alias = ts.isTypeReferenceNode(node) ? known.get(node.typeName.getText()) : undefined;
  if (alias && ts.isTypeAliasDeclaration(alias) && isOfLiterals(alias.type))
    return typeText(alias.type, known);
  return node.getText();
}

/** The type of the function in a `Callback<…>`. */
const calledBack = (node: ts.Node): readonly ts.TypeNode[] =>
  ts.isTypeReferenceNode(node) && node.typeName.getText() === 'Callback' ? (node.typeArguments ?? []) : [];

const isOfLiterals = (node: ts.TypeNode) =>
  ts.isUnionTypeNode(node) && node.types.every(ts.isLiteralTypeNode);

/**
 * The options of an object type, of a named interface, or of one without some members: `Omit<CacheOptions, 'name'>`.
 */
function heldBy(node: ts.Node, known: Declarations): OptionDoc[] {
  if (ts.isTypeLiteralNode(node)) return membersOf(node.members, known);
  if (ts.isUnionTypeNode(node)) {
    const docs = node.types.flatMap((one) => heldBy(one, known));
    // Of an object, or a list of such objects, one description is enough.
    const isKnown = (one: OptionDoc) =>
      docs.some(({ listed, description }) => !listed && description === one.description);
    return docs.filter((doc) => !doc.listed || !isKnown(doc));
  }
  if (ts.isArrayTypeNode(node)) {
    return heldBy(node.elementType, known).map((doc) => ({ ...doc, listed: true }));
  }
  if (ts.isParenthesizedTypeNode(node) || ts.isTypeOperatorNode(node)) return heldBy(node.type, known);
  if (!ts.isTypeReferenceNode(node)) return [];
  const [inner, omitted] = node.typeArguments ?? [];
  if (node.typeName.getText() === 'Omit' && inner && omitted) {
    const names = omitted.getText();
    return heldBy(inner, known).map((doc) => ({ ...doc, alone: names.includes(`'${doc.name}'`) }));
  }
  const declaration = known.get(node.typeName.getText());
  return declaration && ts.isInterfaceDeclaration(declaration) ? allMembers(declaration, known) : [];
}
