/** As much of JSON Schema as @nestjs/swagger makes of our DTOs. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly example?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  additionalProperties?: unknown;
}

/** Those that have a name, as in `components`. */
export type Schemas = Record<string, Schema>;

export const resolve = (schema: Schema, schemas: Schemas): Schema =>
  schemas[schema.$ref?.replace('#/components/schemas/', '') ?? ''] ?? schema;

/** Allows no property, at any depth, that is not named. */
export function close(reference: Schema, schemas: Schemas): void {
  const schema = resolve(reference, schemas);
  if (schema.properties && schema.additionalProperties === undefined) {
    schema.additionalProperties = false;
    for (const property of Object.values(schema.properties)) close(property, schemas);
  }
  if (schema.items) close(schema.items, schemas);
}

/** A value, put together from the examples of its fields. */
export function exampleOf(reference: Schema, schemas: Schemas): unknown {
  const { example, properties, items, oneOf, anyOf } = resolve(reference, schemas);
  if (example !== undefined) return example;
  const [first] = oneOf ?? anyOf ?? [];
  if (first) return exampleOf(first, schemas);
  if (items) return [exampleOf(items, schemas)];
  const fields = Object.entries(properties ?? {});
  return Object.fromEntries(fields.map(([name, field]) => [name, exampleOf(field, schemas)]));
}

/** Removes the schemas that nothing in `document` leads to. */
export function dropUnused(document: { components?: { schemas?: object } }): void {
  const schemas = (document.components?.schemas as Schemas | undefined) ?? {};
  const used = new Set<string>();
  const visit = (node: unknown): void => {
    for (const [, name = ''] of JSON.stringify(node).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      visit(schemas[name] ?? null);
    }
  };
  visit({ ...document, components: { ...document.components, schemas: {} } });
  for (const name of Object.keys(schemas)) if (!used.has(name)) delete schemas[name];
}
