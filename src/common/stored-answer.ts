/** An answer that was given before and is given again as it was. Thrown past a handler; `sendProblem` sends it. */
export class StoredAnswer extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;

  constructor({ status, headers, body }: Pick<StoredAnswer, 'status' | 'headers' | 'body'>) {
    super('This was answered before');
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}
