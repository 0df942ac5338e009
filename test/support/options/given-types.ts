import { resolve } from 'node:path';
import ts from 'typescript';

/** A member of what users give: of options, and of what their functions return. */
export interface GivenMember {
  /** As `BreakerOptions.key`. */
  readonly name: string;
  /** Whether it may be left out, but not be `undefined`. */
  readonly refusesUndefined: boolean;
  /** Types of arrays in it that are not `readonly`. */
  readonly mutableArrays: readonly string[];
}

const ROOT = resolve('.');

/** Every member of what users of these modules give to the functions, the classes and the methods that they export. */
export function givenMembers(modules: readonly string[]): readonly GivenMember[] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile('tsconfig.json', ts.sys.readFile).config,
    ts.sys,
    ROOT,
  );
  const program = ts.createProgram(
    modules.map((path) => resolve(path)),
    options,
  );
  const checker = program.getTypeChecker();
  const found = new Map<ts.Node, GivenMember>();
  const given = new Set<ts.Type>();
  const gotten = new Set<ts.Type>();

  function isOwn(node: ts.Node | undefined): boolean {
    const path = node?.getSourceFile().fileName ?? '';
    return path.startsWith(ROOT) && !path.includes('node_modules');
  }

  /** What the package hands out: of its functions, users give the arguments. */
  function get(type: ts.Type): void {
    if (gotten.has(type)) return;
    gotten.add(type);
    if (type.isUnionOrIntersection()) {
      for (const part of type.types) get(part);
      return;
    }
    for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) {
      if (!isOwn(signature.declaration)) continue;
      for (const parameter of signature.parameters) give(checker.getTypeOfSymbol(parameter));
      get(signature.getReturnType());
    }
    for (const property of type.getProperties()) {
      if (property.declarations?.some(isOwn)) get(checker.getTypeOfSymbol(property));
    }
  }

  /** What users give: of their functions, the results. */
  function give(type: ts.Type): void {
    if (given.has(type)) return;
    given.add(type);
    if (type.isUnionOrIntersection()) {
      for (const part of type.types) give(part);
      return;
    }
    for (const argument of checker.getTypeArguments(type as ts.TypeReference)) give(argument);
    for (const signature of type.getCallSignatures()) {
      if (!isOwn(signature.declaration)) continue;
      give(signature.getReturnType());
    }
    const index = type.getStringIndexType();
    if (index) give(index);
    for (const property of type.getProperties()) {
      const node = property.declarations?.find(isOwn);
      if (!node) continue;
      if (ts.isPropertySignature(node) || ts.isMethodSignature(node)) found.set(node, memberOf(node));
      give(checker.getTypeOfSymbol(property));
    }
  }

  function memberOf(node: ts.PropertySignature | ts.MethodSignature): GivenMember {
    // A method that is optional cannot be given as `undefined`.
    const own = ts.isPropertySignature(node) ? node.type : undefined;
    const type = own && checker.getTypeFromTypeNode(own);
    const flags = ts.TypeFlags.Undefined | ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.Never;
    const parts = type?.isUnion() ? type.types : type ? [type] : [];
    return {
      name: `${ownerOf(node)}.${node.name.getText()}`,
      refusesUndefined: node.questionToken !== undefined && !parts.some((part) => part.flags & flags),
      mutableArrays: own ? mutableArrays(own) : [],
    };
  }

  function mutableArrays(node: ts.TypeNode): readonly string[] {
    const names: string[] = [];
    const look = (inner: ts.Node): void => {
      // What a function of the user's gets is no concern of this; members have entries of their own.
      if (ts.isParameter(inner) || ts.isTypeElement(inner)) return;
      const isReadonly =
        ts.isTypeOperatorNode(inner.parent) && inner.parent.operator === ts.SyntaxKind.ReadonlyKeyword;
      if ((ts.isArrayTypeNode(inner) || ts.isTupleTypeNode(inner)) && !isReadonly)
        names.push(inner.getText());
      ts.forEachChild(inner, look);
    };
    look(node);
    return names;
  }

  for (const path of modules) {
    const source = program.getSourceFile(resolve(path));
    const symbol = source && checker.getSymbolAtLocation(source);
    for (const exported of symbol ? checker.getExportsOfModule(symbol) : []) {
      const aliased = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (aliased.flags & ts.SymbolFlags.Value) get(checker.getTypeOfSymbol(aliased));
      else if (/(Options|Config|Settings)$/.test(exported.name))
        give(checker.getDeclaredTypeOfSymbol(aliased));
    }
  }
  return [...found.values()];
}

function ownerOf(node: ts.Node): string {
  for (let { parent } = node; parent; { parent } = parent) {
    if (ts.isInterfaceDeclaration(parent) || ts.isTypeAliasDeclaration(parent)) return parent.name.text;
  }
  return node.getSourceFile().fileName;
}
