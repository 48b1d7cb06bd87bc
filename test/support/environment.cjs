const { TestEnvironment } = require('jest-environment-node');

const PATIENCE_MS = 3_000;
/**
 * What only a test opens. Timers are Jest's own as well (one that is left keeps Jest from ending, which it says), and so
 * are pipes.
 */
const KINDS = new Set(['TCPServerWrap', 'TCPSocketWrap', 'ProcessWrap', 'FSEventWrap', 'UDPWrap', 'Worker']);

/** Node's; and a test file that leaves something open is named, with what it is. */
module.exports = class extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.file = context.testPath;
  }

  async setup() {
    await super.setup();
    this.before = openHandles();
  }

  async teardown() {
    const deadline = Date.now() + PATIENCE_MS;
    let left = this.leftovers();
    for (; left.length > 0 && Date.now() < deadline; left = this.leftovers()) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await super.teardown();
    if (left.length > 0)
      process.stderr.write(`${this.file} leaves open: ${[...new Set(left)].join(', ')} (${left.length})\n`);
  }

  leftovers() {
    const known = [...this.before];
    return openHandles().filter((kind) => !known.includes(kind) || known.splice(known.indexOf(kind), 1).length === 0);
  }
};

const openHandles = () => process.getActiveResourcesInfo().filter((kind) => KINDS.has(kind));
