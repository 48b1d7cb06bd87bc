import { share } from '../support/shares.js';

share('long', 4);
