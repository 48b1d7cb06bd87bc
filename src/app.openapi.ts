import type { INestApplication } from '@nestjs/common';
import { MetadataScanner, ModulesContainer, Reflector } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import {
  answerHeaders,
  failureExample,
  failureName,
  failureResponse,
  failuresOf,
  HEADERS,
  type Facts,
} from './app.failures.js';
import {
  IDEMPOTENT,
  PUBLIC,
  RECENT_LOGIN,
  REFRESH_COOKIE,
  ROLES_REQUIRED,
  SCOPES_REQUIRED,
  VERIFIED_EMAIL,
} from './common/access.js';
import { API_ERRORS } from './common/api-errors.decorator.js';
import { close, dropUnused, exampleOf, resolve, type Schema, type Schemas } from './common/json-schema.js';
import { Problem, type ErrorClass } from './common/problem.js';
import type { Mode } from './config/mode.js';
import { Settings } from './config/settings.js';

/** Swagger UI brings its own scripts and puts styles into its elements; it loads nothing from elsewhere. */
const DOCS_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');

/** Serves Swagger UI at /docs and the document at /docs-json, where the mode and DOCS_ENABLED want them. */
export function setupOpenApi(app: NestFastifyApplication, settings: Settings, mode: Mode): void {
  if (!mode.docs || !settings.DOCS_ENABLED) return;
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, done) => {
      if (request.routeOptions.url?.startsWith('/docs')) void reply.header('content-security-policy', DOCS_CSP);
      done();
    });
  SwaggerModule.setup('docs', app, () => buildDocument(app), {
    raw: ['json'],
    customSiteTitle: settings.APP_NAME,
    swaggerOptions: { persistAuthorization: true, validatorUrl: null, requestInterceptor: withFreshKey },
  });
}

/**
 * Runs in the page: the example in place of a key would make the second request a repeat of the first. One that was typed
 * in is sent as it is.
 */
function withFreshKey(request: { headers: Record<string, string> }): object {
  const example = 'order-4711-attempt-1';
  const fresh = (): string => [...crypto.getRandomValues(new Uint32Array(4))].join('-');
  if (request.headers['Idempotency-Key'] === example) request.headers['Idempotency-Key'] = fresh();
  return request;
}

const DESCRIPTION = `
Accounts and payments. JSON in snake_case; times are RFC 3339 in UTC; an absent value is \`null\`.

**Failures** are problems (RFC 9457): branch on their \`code\`. Before it reaches an operation, a request can also fail
with 404 \`not_found\` (no such route) or 405 \`method_not_allowed\` (with \`Allow\`).

**Input** is never clamped or passed over: unknown fields, unknown or repeated query parameters and values out of range are 422.
`.trim();

const COOKIE = 'A refresh token, with the `Origin` of an allowed page. On http://localhost it is called `omni_refresh`';

const TAGS = {
  users: 'Accounts',
  auth: 'Logging in and out, sessions, API keys',
  tenants: 'Organisations',
  invitations: 'Joining a tenant by mail',
  audit: 'Who did what to whom',
  payments: 'Taking money',
  refunds: 'Giving it back',
  disputes: 'What payers complain of at their banks',
  ledger: 'The books',
  webhooks: 'What payment providers tell us',
  'webhook endpoints': 'Where an integrator hears of what happens, and what was sent there',
  Simulator: 'A bank that can go wrong in every way, where no real one is set up',
  health: 'For balancers and orchestrators',
};

/** The OpenAPI 3.1 document of what the app serves, as its decorators declare it. Nothing of the app needs to run for it. */
export function buildDocument(app: INestApplication): OpenAPIObject {
  const { APP_NAME, APP_VERSION, PUBLIC_URL } = app.get(Settings);
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle(APP_NAME)
    .setVersion(APP_VERSION)
    .setDescription(DESCRIPTION)
    .addServer('/', 'This server')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An access token, from POST /api/v1/auth/login' })
    .addCookieAuth('__Secure-omni_refresh', { type: 'apiKey', description: COOKIE }, 'refresh_cookie')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A key, from POST /api/v1/auth/api-keys' }, 'api_key')
    .addSecurityRequirements('bearer');
  for (const [name, description] of Object.entries(TAGS)) config.addTag(name, description);
  const options = { operationIdFactory: operationId, extraModels: [Problem] };
  const document = SwaggerModule.createDocument(app, config.build(), options);
  // Of 3.1, which takes an SPDX expression where the types of @nestjs/swagger want a URL.
  const license = { name: 'Proprietary', identifier: 'LicenseRef-Proprietary' };
  Object.assign(document.info, { contact: { name: APP_NAME, url: PUBLIC_URL }, license });
  complete(document, declarationsOf(app));
  const { openapi, info, servers, tags, security, paths, components } = document;
  return { openapi, info, servers, tags, security, paths, components };
}

/** `UsersController.list` is `usersList`. */
const operationId = (controller: string, method: string): string => {
  const feature = controller.replace(/Controller$/, '');
  return `${feature.charAt(0).toLowerCase()}${feature.slice(1)}${method.charAt(0).toUpperCase()}${method.slice(1)}`;
};

type Declared = Omit<Facts, 'method' | 'path'>;

/** What the decorators of every handler say, by operation id, as the guards read it. */
function declarationsOf(app: INestApplication): Map<string, Declared> {
  const declared = new Map<string, Declared>();
  const reflector = new Reflector();
  const controllers = [...app.get(ModulesContainer).values()].flatMap((module) => [...module.controllers.values()]);
  for (const { metatype } of controllers) {
    if (!metatype) continue;
    const handlers = metatype.prototype as Readonly<Record<string, () => unknown>>;
    for (const method of new MetadataScanner().getAllMethodNames(handlers)) {
      const targets = [handlers[method], metatype];
      declared.set(operationId(metatype.name, method), {
        open: reflector.getAllAndOverride<Facts['open']>(PUBLIC, targets),
        roles: reflector.getAllAndOverride<Facts['roles']>(ROLES_REQUIRED, targets),
        scopes: reflector.getAllAndOverride<Facts['scopes']>(SCOPES_REQUIRED, targets),
        wants_recent_login: reflector.getAllAndOverride<true | undefined>(RECENT_LOGIN, targets) ?? false,
        takes_cookie: reflector.getAllAndOverride<true | undefined>(REFRESH_COOKIE, targets) ?? false,
        wants_verified_email: reflector.getAllAndOverride<true | undefined>(VERIFIED_EMAIL, targets) ?? false,
        idempotent: reflector.getAllAndOverride<true | undefined>(IDEMPOTENT, targets) ?? false,
        errors: reflector.getAllAndMerge<ErrorClass[]>(API_ERRORS, targets),
      });
    }
  }
  return declared;
}

interface Content {
  readonly schema: Schema;
  example?: unknown;
  /** In place of the one. */
  readonly examples?: object;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: { readonly in: string; readonly name: string }[];
  security?: unknown[];
  requestBody?: { required?: boolean; content: Record<string, Content> };
  responses: Record<string, { headers?: object; content?: Record<string, Content> }>;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Adds to every operation what follows from what it is: who may call it, how it fails, what it looks like. */
function complete(document: OpenAPIObject, declared: ReadonlyMap<string, Declared>): void {
  const schemas = (document.components?.schemas ?? {}) as Schemas;
  const responses: Record<string, object> = {};
  const examples: Record<string, object> = {};
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method] as Operation | undefined;
      const declaration = operation && declared.get(operation.operationId);
      if (!declaration) continue;
      const facts = { method, path, ...declaration };
      operation.security = securityOf(facts);
      describeInput(operation, schemas);
      describeAnswers(operation, facts, schemas);
      for (const [status, errors] of failuresOf(facts)) {
        responses[failureName(errors)] ??= failureResponse(status, errors);
        for (const error of errors) examples[error.code] ??= failureExample(error, path);
        operation.responses[status] ??= { $ref: `#/components/responses/${failureName(errors)}` } as object;
      }
    }
  }
  document.components = {
    ...document.components,
    headers: HEADERS,
    responses,
    examples,
  } as OpenAPIObject['components'];
  dropUnused(document);
}

/** Undefined where it is the document's: a bearer. `{}` is nothing at all. */
function securityOf({ open, takes_cookie, scopes }: Declared): object[] | undefined {
  if (takes_cookie) return [open ? {} : { bearer: [] }, { refresh_cookie: [] }];
  if (scopes && !open) return [{ bearer: [] }, { api_key: scopes }];
  return open ? [] : undefined;
}

const ID = {
  description: 'A malformed one names nothing: 404',
  schema: { type: 'string', format: 'uuid' },
  example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c',
};

/** Every `{id}` is a UUID. The validator refuses unknown fields, and takes no body for an empty one. */
function describeInput({ parameters = [], requestBody }: Operation, schemas: Schemas): void {
  for (const parameter of parameters)
    if (parameter.in === 'path' && parameter.name === 'id') Object.assign(parameter, ID);
  const body = requestBody?.content['application/json'];
  if (!requestBody || !body) return;
  requestBody.required = (resolve(body.schema, schemas).required ?? []).length > 0;
  if (!body.examples) body.example ??= exampleOf(body.schema, schemas);
  close(body.schema, schemas);
}

function describeAnswers({ responses }: Operation, facts: Facts, schemas: Schemas): void {
  for (const response of Object.values(responses)) {
    response.headers = { ...answerHeaders(facts), ...response.headers };
    for (const content of Object.values(response.content ?? {})) content.example ??= exampleOf(content.schema, schemas);
  }
}
