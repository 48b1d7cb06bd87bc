import { isEmail } from 'class-validator';

/** An address as people have them: letters, digits and dots, without quoting or comments (RFC 5321 4.5.3.1). */
export const isEmailAddress = (text: string): boolean =>
  isEmail(text, { allow_utf8_local_part: false }) && !/["\s]/.test(text);

/** Whom mails come from. */
export interface Sender {
  readonly name: string;
  readonly address: string;
}

/** `Name <address>`, or the address alone. @returns null when it is neither. */
export function parseSender(text: string): Sender | null {
  const [, name, quoted, plain] =
    /^(?:"?([^"<>]*?)"?\s*<([^\s<>@]+@[^\s<>@]+)>|([^\s<>@]+@[^\s<>@]+))$/.exec(text.trim()) ?? [];
  const address = quoted ?? plain;
  return address ? { name: name ?? '', address } : null;
}
