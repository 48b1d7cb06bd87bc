import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import { SCHEMA } from './documents.mongoose.js';

/** Whose database this is: one document, made when the first process takes it. */
@Schema({ collection: 'installation', ...SCHEMA })
export class InstallationDocument {
  @Prop({ type: String })
  _id!: string;

  /** As PostgreSQL has it, in `users_home`. */
  @Prop({ type: String })
  installation_id!: string;
}

export const InstallationSchema = SchemaFactory.createForClass(InstallationDocument);
