import { SetMetadata } from '@nestjs/common';
import type { ErrorClass } from './problem.js';

export const API_ERRORS = 'api:errors';

/** How a route can fail by what it does. How it can fail by what it is (closed, with a body) is known: `app.failures.ts`. */
export const ApiErrors = (...errors: ErrorClass[]): MethodDecorator & ClassDecorator => SetMetadata(API_ERRORS, errors);
