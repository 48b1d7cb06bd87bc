/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where it is JSON, else null. */
  readonly body: any;
  readonly text: string;
}

export interface Request {
  /** Sent as JSON; a text is sent as it is. */
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

export type Send = (method: string, path: string, request?: Request) => Promise<Answer>;

/**
 * A test that fails while its request is under way never looks at the answer. That the request breaks off when the app
 * is closed must then fail neither the file once more nor the next one.
 */
export const unwatched =
  (send: Send): Send =>
  (...request) => {
    const answer = send(...request);
    answer.catch(() => undefined);
    return answer;
  };

/** @param path - below /api/v1; `~/health/live` is below the root. */
export const sendTo = (url: string): Send =>
  unwatched(async (method, path, { body, token, headers = {} } = {}) => {
    const answer = await fetch(path.startsWith('~') ? url + path.slice(1) : `${url}/api/v1${path}`, {
      method,
      redirect: 'manual',
      body: typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
    });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get('content-type') ?? '') && text !== '';
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : null, text };
  });

export interface Account {
  readonly email: string;
  readonly password: string;
}

/** Somebody who is signed in. */
export class Client {
  private constructor(
    private readonly send: Send,
    /** As sign-up or `GET /users/me` gave it. */
    readonly user: any,
    readonly email: string,
    readonly password: string,
    readonly token: string,
  ) {}

  static async logIn(send: Send, { email, password }: Account): Promise<Client> {
    const { access_token } = succeed(await send('POST', '/auth/login', { body: { email, password } }));
    return Client.holding(send, { email, password }, access_token);
  }

  /** Whom this token has let in. */
  static async holding(send: Send, { email, password }: Account, token: string): Promise<Client> {
    const user = succeed(await send('GET', '/users/me', { token }));
    return new Client(send, user, email, password, token);
  }

  /** Another session of the same user. */
  again(): Promise<Client> {
    return Client.logIn(this.send, this);
  }

  request(method: string, path: string, request: Request = {}): Promise<Answer> {
    return this.send(method, path, { token: this.token, ...request });
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.request('GET', path, { headers });
  }

  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('POST', path, { body, headers });
  }

  put(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('PUT', path, { body, headers });
  }

  patch(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('PATCH', path, { body, headers });
  }

  delete(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('DELETE', path, { body, headers });
  }
}

/** The body of an answer that must not be a failure. */
export function succeed({ status, body, text }: Answer): any {
  if (status >= 400) throw new Error(`Answered ${status}: ${text}`);
  return body;
}
