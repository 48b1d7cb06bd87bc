import { share } from '../support/shares.js';

share(3);
