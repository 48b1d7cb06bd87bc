import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';

/** Whose database this is: one document, made when the first process takes it. */
@Schema({
  collection: 'installation',
  versionKey: false,
  strict: 'throw',
  strictQuery: 'throw',
  bufferCommands: false,
  autoCreate: false,
  autoIndex: false,
})
export class InstallationDocument {
  @Prop({ type: String })
  _id!: string;

  /** As PostgreSQL has it, in `users_home`. */
  @Prop({ type: String })
  installation_id!: string;
}

export const InstallationSchema = SchemaFactory.createForClass(InstallationDocument);
