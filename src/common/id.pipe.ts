import { Injectable, type PipeTransform, type Type } from '@nestjs/common';
import { isId } from './fields.js';
import type { NotFoundError } from './service-error.js';

/**
 * Lets UUIDs through, in lower case, and answers anything else as if it named nothing: a path never reveals how ids look.
 * @param notFound - the error for an id that names nothing.
 */
export function IdPipe(notFound: (id: string) => NotFoundError): Type<PipeTransform<string, string>> {
  @Injectable()
  class Pipe implements PipeTransform<string, string> {
    transform(id: string): string {
      if (!isId(id)) throw notFound(id);
      return id.toLowerCase();
    }
  }
  return Pipe;
}
