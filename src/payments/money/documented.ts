import { ApiProperty } from '@nestjs/swagger';
import { MAX_AMOUNT } from './minor-units.js';

// Fields of answers, documented from one word each.

export const amount = (description: string, example = 4_200): PropertyDecorator =>
  ApiProperty({ type: 'integer', minimum: 0, maximum: MAX_AMOUNT, description, example });

export const textOrNull = (example: string | null, description?: string): PropertyDecorator =>
  ApiProperty({ type: String, nullable: true, example, ...(description && { description }) });

export const time = (): PropertyDecorator => ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' });

export const timeOrNull = (): PropertyDecorator =>
  ApiProperty({ type: String, format: 'date-time', nullable: true, example: '2026-01-31T12:00:00.000Z' });

export const uuid = (): PropertyDecorator =>
  ApiProperty({ format: 'uuid', example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c' });
