import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A text as it would look inside others. */
export function forms(secret: string): string[] {
  const inBase64 = [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
    // What stands beside it changes the first and the last characters.
    return (['base64', 'base64url'] as const).map((encoding) => whole.toString(encoding).slice(offset ? 4 : 0));
  });
  const json = JSON.stringify(secret).slice(1, -1);
  return [
    secret,
    json,
    JSON.stringify(json).slice(1, -1),
    encodeURIComponent(secret),
    ...inBase64,
    Buffer.from(secret).toString('hex'),
  ];
}

/** Which of the secrets, by their names, can be read in a text, and where. */
export const leaksIn = (text: string, secrets: Readonly<Record<string, string>>): string[] =>
  Object.entries(secrets).flatMap(([name, secret]) =>
    forms(secret)
      .map((form) => text.indexOf(form))
      .filter((at) => at >= 0)
      .map((at) => `${name}: ${text.slice(Math.max(0, at - 200), at + 100)}`),
  );

/** Hears every command that Redis is sent. By hand: ioredis takes lines that arrive with the answer to MONITOR for answers. */
export async function monitor(url: string, hear: (chunk: Buffer) => void): Promise<Socket> {
  const { hostname, port, username, password } = new URL(url);
  const socket = connect(Number(port || 6379), hostname);
  socket.on('data', hear);
  if (password) socket.write(`AUTH ${username || 'default'} ${decodeURIComponent(password)}\r\n`);
  socket.write('MONITOR\r\n');
  await once(socket, 'data');
  return socket;
}
