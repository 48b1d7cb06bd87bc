import {
  Injectable,
  ValidationPipe,
  type ArgumentMetadata,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { ROUTE_ARGS_METADATA, RouteParamtypes } from '@nestjs/common/internal';
import type { ValidationError as BrokenRules } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { ValidationError, type FieldProblem } from './service-error.js';

const MAX_PROBLEMS = 20;
/** Names that clients make up are repeated to them, but not at any length. */
const MAX_POINTER = 100;

/** Makes the pointer to a field from the names on the way to it. */
type PointTo = (path: readonly string[]) => string;

/** RFC 6901 section 6, without percent-encoding, so that a name is found again as it was written. */
const inBody: PointTo = (path) =>
  clip(`#${path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`);
const inQuery: PointTo = (path) => clip(`?${path.join('.')}`);
const clip = (pointer: string): string =>
  pointer.length > MAX_POINTER ? `${pointer.slice(0, MAX_POINTER)}…` : pointer;

const unknownField = (pointer: string): FieldProblem => ({ pointer, code: 'unknown_field', message: 'does not exist' });

/** What class-validator and Nest call their own findings, and what we do. */
const FOREIGN_RULES: Readonly<Record<string, Omit<FieldProblem, 'pointer'>>> = {
  whitelistValidation: { code: 'unknown_field', message: 'does not exist' },
  nestedValidation: { code: 'type', message: 'must be an object or a list of objects' },
  unknownValue: { code: 'type', message: 'must be an object' },
};

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Every broken rule below `errors`, at most 20 of them; no value is repeated. */
function problemsOf(errors: readonly BrokenRules[], pointTo: PointTo): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const visit = ({ property, constraints = {}, children = [] }: BrokenRules, parents: readonly string[]): void => {
    const path = property === undefined ? parents : [...parents, property];
    for (const [rule, message] of Object.entries(constraints)) {
      problems.push({ pointer: pointTo(path), ...(FOREIGN_RULES[rule] ?? { code: snakeCase(rule), message }) });
    }
    for (const child of children) if (problems.length < MAX_PROBLEMS) visit(child, path);
  };
  for (const error of errors) if (problems.length < MAX_PROBLEMS) visit(error, []);
  return problems.slice(0, MAX_PROBLEMS);
}

const refuse = (problems: readonly FieldProblem[]): void => {
  if (problems.length > 0) throw new ValidationError(problems.slice(0, MAX_PROBLEMS));
};

/** Keys that every object has from birth: the validator takes one among a DTO's fields for the DTO's own. */
const INBORN = new Set(Object.getOwnPropertyNames(Object.prototype));
/** Further in, those that reach into a prototype. */
const INBORN_BELOW = new Set(['__proto__', 'constructor']);

function pipeFor(pointTo: PointTo): ValidationPipe {
  return new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
    transform: true,
    exceptionFactory: (errors) => new ValidationError(problemsOf(errors, pointTo)),
  });
}

/**
 * Turns a body or a query into the DTO that the handler declares, or says what is wrong with it. Path parameters are left
 * to the pipe that stands beside them.
 * @throws {ValidationError}
 */
@Injectable()
export class InputPipe implements PipeTransform<unknown, unknown> {
  private readonly body = pipeFor(inBody);
  private readonly query = pipeFor(inQuery);

  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    if (metadata.type === 'body') {
      refuse(bodyProblems(value));
      return this.body.transform(value, metadata);
    }
    if (metadata.type === 'query') {
      refuse(queryProblems(value));
      return this.query.transform(value, metadata);
    }
    return value;
  }
}

function bodyProblems(body: unknown): FieldProblem[] {
  if (body === undefined) return [];
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return [{ pointer: '#', code: 'type', message: 'must be an object' }];
  }
  return inborn(body, inBody);
}

function queryProblems(query: unknown): FieldProblem[] {
  const repeated = Object.entries(query as Record<string, unknown>)
    .filter(([, value]) => Array.isArray(value))
    .map(([name]) => ({ pointer: inQuery([name]), code: 'repeated', message: 'must not be given more than once' }));
  return [...repeated, ...inborn(query, inQuery)];
}

function inborn(input: unknown, pointTo: PointTo, parents: readonly string[] = []): FieldProblem[] {
  if (typeof input !== 'object' || input === null) return [];
  const names = parents.length === 0 ? INBORN : INBORN_BELOW;
  return Object.entries(input).flatMap(([name, value]) =>
    names.has(name) ? unknownField(pointTo([...parents, name])) : inborn(value, pointTo, [...parents, name]),
  );
}

/**
 * Refuses what a handler does not even declare: a query where it takes none, fields where it takes no body. So that a
 * misspelt filter on any route is told, and not passed over.
 */
@Injectable()
export class UndeclaredInputInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): ReturnType<CallHandler['handle']> {
    const { query, body } = context.switchToHttp().getRequest<FastifyRequest>();
    const declared = declaredBy(context);
    if (!declared.has(RouteParamtypes.REQUEST)) {
      refuse([
        ...(declared.has(RouteParamtypes.QUERY) ? [] : undeclared(query, inQuery)),
        ...(declared.has(RouteParamtypes.BODY) ? [] : undeclared(body, inBody)),
      ]);
    }
    return next.handle();
  }
}

const undeclared = (input: unknown, pointTo: PointTo): FieldProblem[] =>
  Object.keys(input ?? {}).map((name) => unknownField(pointTo([name])));

const declarations = new WeakMap<object, ReadonlySet<number>>();

/** Which parts of the request a handler's parameters ask for. */
function declaredBy(context: ExecutionContext): ReadonlySet<number> {
  const handler = context.getHandler();
  const known = declarations.get(handler);
  if (known) return known;
  const args = Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), handler.name) as object | undefined;
  const declared = new Set(Object.keys(args ?? {}).map((key) => Number(key.split(':')[0])));
  declarations.set(handler, declared);
  return declared;
}
