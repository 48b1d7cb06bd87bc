import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { MailModule } from '../mail/mail.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccountExporter } from './account-exporter.js';
import { ExportDocuments } from './export-documents.js';
import { ExportPiece } from './export-piece.entity.js';
import { Export } from './export.entity.js';
import { ExportsController } from './exports.controller.js';
import { ExportsDownloads } from './exports.downloads.js';
import { ExportsGathering } from './exports.gathering.js';
import { ExportsProcessor } from './exports.processor.js';
import { ExportsRepository } from './exports.repository.js';
import { ExportsService } from './exports.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Export, ExportPiece]), AuditModule, AuthModule, MailModule, UsersModule],
  controllers: [ExportsController],
  providers: [AccountExporter, ExportDocuments, ExportsDownloads, ExportsGathering, ExportsRepository, ExportsService],
})
export class ExportsModule {}

/** Consumes the queue, in whichever process has this module. */
@Module({ providers: [ExportsProcessor] })
export class ExportsProcessorModule {}
