import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { unwatched, type Answer, type Send } from './client.js';
import { document, followed, operationAt, type Operation, type Response, type Schema } from './document.js';

const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
addFormats.default(ajv);
ajv.addSchema({ $id: 'openapi', ...document, components: { ...document.components, schemas: closed() } });

/** So that a field that leaves the service and is not in the document is found. */
function closed(): object {
  const close = (schema: Schema): object => ({ ...schema, ...(schema.properties && { additionalProperties: false }) });
  return Object.fromEntries(Object.entries(document.components.schemas).map(([name, schema]) => [name, close(schema)]));
}

/** A client whose every answer is held against the document: what is not promised there fails the test. */
export const conforming = (send: Send): Send =>
  unwatched(async (method, path, request) => {
    const answer = await send(method, path, request);
    const { pathname } = new URL(`http://localhost${path.startsWith('~') ? path.slice(1) : `/api/v1${path}`}`);
    const operation = operationAt(method, pathname);
    const faults = operation ? faultsOf(operation, answer) : [];
    if (faults.length === 0) return answer;
    const title = `${method} ${path} answered ${answer.status} otherwise than openapi.json says`;
    throw new Error([`${title} (is it up to date? \`npm run generate\`)`, ...faults, answer.text].join('\n  '));
  });

/** How an answer differs from what the document says of the operation; nothing where it does not. */
export function faultsOf(operation: Operation, answer: Answer): string[] {
  const response = operation.responses[answer.status];
  if (!response) return [`the status is not one of ${Object.keys(operation.responses).join(', ')}`];
  const described = followed(response);
  return [...headerFaults(described, answer), ...bodyFaults(described, answer)];
}

/** What the document forbids of a request; nothing where it does not. */
export function requestFaults({ parameters, requestBody }: Operation, target: string, body: string | null): string[] {
  const query = [...new URLSearchParams(target.split('?')[1])];
  const inQuery = query.flatMap(([name, value], at) => {
    const declared = parameters.find((parameter) => parameter.in === 'query' && parameter.name === name);
    if (!declared) return [`?${name} does not exist`];
    const isRepeated = query.findIndex(([first]) => first === name) < at;
    return isRepeated
      ? [`?${name} stands twice`]
      : textFaults(declared.schema, value).map((fault) => `?${name} ${fault}`);
  });
  const schema = requestBody?.content['application/json']?.schema;
  return schema && body
    ? [...inQuery, ...faultsAgainst(schema, JSON.parse(Buffer.from(body, 'latin1').toString()))]
    : inQuery;
}

/** Where everything is text. */
function textFaults(schema: Schema, value: string): string[] {
  if (schema.type === 'integer') return faultsAgainst(schema, Number(value));
  const isFlag = schema.type === 'boolean' && /^(true|false)$/.test(value);
  return faultsAgainst(schema, isFlag ? value === 'true' : value);
}

function headerFaults({ headers }: Response, answer: Answer): string[] {
  return Object.entries(headers).flatMap(([name, reference]) => {
    const { required, schema } = followed(reference);
    const value = answer.headers.get(name);
    if (value === null) return required ? [`the header ${name} is missing`] : [];
    return textFaults(schema, value).map((fault) => `${name} ${fault}`);
  });
}

function bodyFaults({ content }: Response, { headers, text, body }: Answer): string[] {
  if (!content) return text === '' ? [] : ['there is a body'];
  const type = headers.get('content-type')?.split(';')[0] ?? '';
  const described = content[type];
  return described ? faultsAgainst(described.schema, /json/.test(type) ? body : text) : [`the body is of type ${type}`];
}

const validators = new WeakMap<Schema, ValidateFunction>();

function faultsAgainst(schema: Schema, value: unknown): string[] {
  const isValid = validators.get(schema) ?? ajv.compile(rooted(schema));
  validators.set(schema, isValid);
  if (isValid(value)) return [];
  return (isValid.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

/** With references that lead into the document from wherever the schema stands. */
const rooted = (schema: Schema): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/')) as object;
