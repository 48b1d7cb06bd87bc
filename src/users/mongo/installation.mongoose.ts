import { Injectable, Logger } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import type { Model } from 'mongoose';
import type { Installation } from '../store/installation.js';
import { brokenIndex, Documents } from './documents.mongoose.js';
import { InstallationDocument } from './installation.schema.js';

const ONE = 'omni';

/** Whose database this is, which it says itself. */
@Injectable()
export class InstallationInMongo extends Documents<InstallationDocument> implements Installation {
  protected readonly logger = new Logger(InstallationInMongo.name);

  constructor(@InjectModel(InstallationDocument.name) model: Model<InstallationDocument>) {
    super(model);
  }

  /** @returns null where it is nobody's yet. */
  async id(): Promise<string | null> {
    return (await this.findOne({ _id: ONE }))?.installation_id ?? null;
  }

  /** Makes it this one's, where it is nobody's: of any number of processes at once, one does. @returns whose it is now. */
  async claim(id: string): Promise<string> {
    const known = await this.id();
    if (known !== null) return known;
    await this.attempt('Making the database ours', () =>
      this.model.insertOne({ _id: ONE, installation_id: id }).catch((error: unknown) => {
        // Somebody else was faster.
        if (brokenIndex(error) === null) throw error;
      }),
    );
    return (await this.id()) ?? id;
  }
}
