/** Line breaks and other controls, and what turns text around or hides in it; but some scripts cannot do without joiners. */
const INVISIBLE = /(?:(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}])+/gu;
/** What mail programs turn into a link, of whichever script and with whichever of the full stops that domains know. */
const LINK = /:\/\/|www[.\u3002\uff0e\uff61]|[@\uff20]|[^\s.][.\u3002\uff0e\uff61]\p{L}{2,}/iu;

/**
 * A name as it may stand in a mail: one line. Anybody can sign up with somebody else's address, so a name that would
 * become a link is left out; it would make us the sender of that link.
 */
export function presentableName(full_name: string): string {
  const name = full_name.replace(INVISIBLE, ' ').replace(/\s+/g, ' ').trim();
  return LINK.test(name) ? '' : name;
}
