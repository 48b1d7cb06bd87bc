/** Line breaks and other controls, and what turns text around or hides in it; but some scripts cannot do without joiners. */
const INVISIBLE = /(?:(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}])+/gu;
/** What mail programs turn into a link. */
const LINK = /:\/\/|www\.|@|[^\s.]\.[a-z]{2,}/i;

/**
 * A name as it may stand in a mail: one line. Anybody can sign up with somebody else's address, so a name that would
 * become a link is left out; it would make us the sender of that link.
 */
export function presentableName(full_name: string): string {
  const name = full_name.replace(INVISIBLE, ' ').replace(/\s+/g, ' ').trim();
  return LINK.test(name) ? '' : name;
}
