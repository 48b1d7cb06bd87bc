import { Module } from '@nestjs/common';
import { Retention } from './retention.js';

/** For processes that work. */
@Module({ providers: [Retention] })
export class RetentionModule {}
