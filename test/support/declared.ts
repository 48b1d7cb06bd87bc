import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { PUBLIC, RECENT_LOGIN, ROLES_REQUIRED, SCOPES_REQUIRED, VERIFIED_EMAIL } from '../../src/common/access.js';
import type { TestApp } from './app.js';

/** Whom a route declares itself open to. */
export interface Access {
  readonly isPublic: boolean;
  readonly roles: readonly string[] | undefined;
  readonly scopes: readonly string[];
  readonly wantsRecentLogin: boolean;
  readonly wantsVerifiedEmail: boolean;
}

/** What the guards read, by method and path below the prefix: `GET /users/:id`. */
export function declaredAccess(app: TestApp): Map<string, Access> {
  const access = new Map<string, Access>();
  const controllers = [...app.app.get(ModulesContainer).values()].flatMap((module) => [...module.controllers.values()]);
  for (const { metatype } of controllers) {
    const prototype = (metatype as { prototype: Record<string, object> }).prototype;
    for (const name of new MetadataScanner().getAllMethodNames(prototype)) {
      const read = <T>(key: string): T | undefined =>
        Reflect.getMetadata(key, prototype[name]!) ?? Reflect.getMetadata(key, metatype as object);
      const method = Reflect.getMetadata(METHOD_METADATA, prototype[name]!) as RequestMethod;
      const parts = [metatype as object, prototype[name]!].map(
        (at) => Reflect.getMetadata(PATH_METADATA, at) as string,
      );
      const path = `/${parts.join('/')}`.replaceAll(/\/+/g, '/').replace(/(?<=.)\/$/, '');
      access.set(`${RequestMethod[method]} ${path}`, {
        isPublic: read(PUBLIC) !== undefined,
        roles: read<string[]>(ROLES_REQUIRED),
        scopes: read<string[]>(SCOPES_REQUIRED) ?? [],
        wantsRecentLogin: read(RECENT_LOGIN) ?? false,
        wantsVerifiedEmail: read(VERIFIED_EMAIL) ?? false,
      });
    }
  }
  return access;
}
