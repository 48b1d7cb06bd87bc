// `npm run build`: what every command does first, by itself.
import { bootstrap } from './bootstrap.mjs';

await bootstrap();
