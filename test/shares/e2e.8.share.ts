import { share } from '../support/shares.js';

share('e2e', 8);
