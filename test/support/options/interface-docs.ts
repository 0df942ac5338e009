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
    return membersOf(declaration.members, declarations);
  };
}

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
        type: node ? typeText(node, known) : 'unknown',
        members: node ? heldBy(node, known) : [],
        alone: false,
      },
    ];
  });
}

function docOf(node: ts.Node): Pick<ts.JSDoc, 'comment'> & { readonly tags: readonly ts.JSDocTag[] } {
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
  if (ts.isUnionTypeNode(node)) return node.types.map((one) => typeText(one, known)).join(' | ');
  if (ts.isParenthesizedTypeNode(node)) return `(${typeText(node.type, known)})`;
  if (ts.isArrayTypeNode(node)) {
    const of = typeText(node.elementType, known);
    // The description says what they may be.
    if (ts.isTypeReferenceNode(node.elementType) && of.includes(' | ')) return 'string[]';
    return / \| /.test(of) && !of.startsWith('(') ? `(${of})[]` : `${of}[]`;
  }
  if (ts.isTypeOperatorNode(node)) return typeText(node.type, known);
  const alias = ts.isTypeReferenceNode(node) ? known.get(node.typeName.getText()) : undefined;
  if (alias && ts.isTypeAliasDeclaration(alias) && isOfLiterals(alias.type))
    return typeText(alias.type, known);
  return node.getText();
}

const isOfLiterals = (node: ts.TypeNode) =>
  ts.isUnionTypeNode(node) && node.types.every(ts.isLiteralTypeNode);

/**
 * The options of an object type, of a named interface, or of one without some members: `Omit<CacheOptions, 'name'>`.
 */
function heldBy(node: ts.Node, known: Declarations): OptionDoc[] {
  if (ts.isTypeLiteralNode(node)) return membersOf(node.members, known);
  if (ts.isUnionTypeNode(node)) return node.types.flatMap((one) => heldBy(one, known));
  if (ts.isArrayTypeNode(node)) return heldBy(node.elementType, known);
  if (ts.isParenthesizedTypeNode(node)) return heldBy(node.type, known);
  if (!ts.isTypeReferenceNode(node)) return [];
  const [inner, omitted] = node.typeArguments ?? [];
  if (node.typeName.getText() === 'Omit' && inner && omitted) {
    const names = omitted.getText();
    return heldBy(inner, known).map((doc) => ({ ...doc, alone: names.includes(`'${doc.name}'`) }));
  }
  const declaration = known.get(node.typeName.getText());
  return declaration && ts.isInterfaceDeclaration(declaration) ? membersOf(declaration.members, known) : [];
}
