import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { TenantChanges } from './tenant-changes.js';
import { TenantCopies } from './tenant-copies.js';
import { Tenant } from './tenant.entity.js';
import { TenantQuota } from './tenant-quota.js';
import { TenantsController } from './tenants.controller.js';
import { TenantsRepository } from './tenants.repository.js';
import { TenantsService } from './tenants.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Tenant]), AuditModule],
  controllers: [TenantsController],
  providers: [TenantChanges, TenantCopies, TenantQuota, TenantsRepository, TenantsService],
  exports: [TenantQuota, TenantsRepository],
})
export class TenantsModule {}
