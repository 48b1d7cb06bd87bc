import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../common/checkpoints.js';
import { Hooks } from '../common/hooks.js';
import { Keyring } from '../common/keyring.js';
import { ExportsPersonalData, type ExportedTables, type Exporter } from '../common/personal-data.js';
import { uuidv7 } from '../common/uuid.js';
import { PIECES } from './export-piece.entity.js';
import type { Export } from './export.entity.js';
import { ExportsRepository, type OpenedExport } from './exports.repository.js';

/** So many things of one kind are read at once. */
const PAGE = 200;
/** A piece is about so long. */
const PIECE_LENGTH = 64 * 1_024;

/** One feature's part of a document. */
interface Part {
  readonly name: string;
  readonly read: Exporter;
}

/**
 * The documents of exports, kept in sealed pieces: a JSON object with a list for each feature's part. However much there
 * is to tell, no more of it is ever in memory than a page of things and a piece of text.
 */
@Injectable()
export class ExportDocuments {
  constructor(
    private readonly exports: ExportsRepository,
    private readonly hooks: Hooks,
    private readonly keyring: Keyring,
    private readonly checkpoints: Checkpoints,
  ) {}

  /**
   * Joins the caller's transaction, which should see one moment only.
   * @param signal - gives up when it is aborted.
   * @returns what it has written.
   */
  async write({ id, tenant_id, user_id }: Export, signal: AbortSignal): Promise<Pick<Export, 'pieces' | 'bytes'>> {
    let [pieces, bytes] = [0, 0];
    for await (const text of piecesOf(textOf(user_id, this.parts()))) {
      signal.throwIfAborted();
      const plain = Buffer.from(text);
      const piece_id = uuidv7();
      const { key_id, sealed } = this.keyring.seal(PIECES, plain, piece_id);
      await this.exports.insertPiece({
        id: piece_id,
        tenant_id,
        export_id: id,
        position: pieces,
        piece: sealed,
        key_id,
      });
      pieces += 1;
      bytes += plain.length;
    }
    await this.checkpoints.reach('export.written');
    return { pieces, bytes };
  }

  /**
   * The document, piece by piece, as it is asked for. The caller's scope must reach it.
   * @throws {UnsealableError}
   * @throws when it was deleted meanwhile.
   */
  async find({ id }: OpenedExport, position: number): Promise<Buffer> {
    const found = await this.exports.findPiece(id, position);
    if (!found) throw new Error('The export was deleted while it was fetched');
    return this.keyring.open(PIECES, found.key_id, found.piece, found.id);
  }

  private parts(): Part[] {
    const found = this.hooks
      .find<ExportedTables, Exporter>(ExportsPersonalData)
      .map(({ options, handle }) => ({ name: options.part, read: handle }));
    const twice = found.find(({ name }, at) => found.findIndex((other) => other.name === name) < at);
    if (twice) throw new Error(`Two methods export ${twice.name}`);
    return found.toSorted((one, other) => one.name.localeCompare(other.name));
  }
}

async function* piecesOf(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = '';
  for await (const text of texts) {
    piece += text;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

/** A line for each thing, so that people can read it too. */
async function* textOf(user_id: string, parts: readonly Part[]): AsyncGenerator<string> {
  yield JSON.stringify({ user_id, exported_at: new Date() }).slice(0, -1);
  for (const { name, read } of parts) {
    yield `,\n${JSON.stringify(name)}: [`;
    let between = '\n';
    for await (const thing of thingsOf(user_id, read)) {
      yield between + JSON.stringify(thing);
      between = ',\n';
    }
    yield ']';
  }
  yield '}\n';
}

async function* thingsOf(user_id: string, read: Exporter): AsyncGenerator<object> {
  let after: string | null = null;
  for (;;) {
    const things: Awaited<ReturnType<Exporter>> = await read(user_id, { after, limit: PAGE });
    yield* things;
    if (things.length < PAGE) return;
    after = things.at(-1)!.id;
  }
}
