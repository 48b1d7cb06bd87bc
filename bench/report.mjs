// What a run has found, as Markdown.
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';

/**
 * @typedef {object} Result
 * @property {import('./requests.mjs').Cell} cell
 * @property {number[]} ours - a figure of each round.
 * @property {number[]} bare
 * @property {number[]} p50 - of ours, in milliseconds; empty where there are no times.
 */

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** The two of a round were measured one after the other, so that what the machine did meanwhile touches both. */
const ratioOf = (/** @type {Result} */ { ours, bare }) =>
  median(ours.map((value, round) => value / (bare[round] ?? NaN)));

/** @param {Result} result */
export function isMet(result) {
  const { target, most, most_of_bare } = result.cell;
  if (target !== undefined) return ratioOf(result) >= target;
  if (most_of_bare !== undefined) return ratioOf(result) <= most_of_bare;
  if (most !== undefined) return median(result.ours) <= most;
  return null;
}

/**
 * @param {{ postgres: string, redis: string }} versions
 * @param {{ rounds: number, seconds: number }} options
 */
export function heading({ postgres, redis }, { rounds, seconds }) {
  const cores = availableParallelism();
  const memory = Math.round(totalmem() / 2 ** 30);
  return [
    `${new Date().toISOString().slice(0, 10)}; ${cores} cores (${cpus()[0]?.model.trim() || 'of an unknown kind'}), ${memory} GiB, ${platform()} ${release()};`,
    `Node ${process.versions.node}, PostgreSQL ${postgres}, Redis ${redis}.`,
    `Medians of ${rounds} rounds, ${seconds} s each, by turns; a ratio is the median of the rounds' ratios.`,
    `The client, the servers and the engines share the ${cores} cores.`,
  ].join('\n');
}

/** @param {Result[]} results */
export const table = (results) =>
  [
    '| what | ours | bare | ratio | target | |',
    '|---|---|---|---|---|---|',
    ...results.map((result) => {
      const { cell, ours, bare } = result;
      const unit = cell.unit ?? '/s';
      const figure = (/** @type {number[]} */ values) => (values.length ? `${short(median(values))}${unit}` : '');
      const ratio = bare.length ? `${ratioOf(result).toFixed(2)} ${spread(result)}` : '';
      return `| ${[cell.label, figure(ours), figure(bare), ratio, targetOf(cell), verdict(result)].join(' | ')} |`;
    }),
  ].join('\n');

/**
 * The lists: a line for each question, a column for each number of rows; the median time of an answer, and the ratio.
 * @param {Result[]} results
 */
export function listTable(results) {
  const parts = results.map((result) => ({ result, parts: result.cell.label.replace('list of ', '').split(': ') }));
  const sizes = [...new Set(parts.map(({ parts: [size = ''] }) => size))];
  const questions = [...new Set(parts.map(({ parts: [, question = ''] }) => question))];
  const cellOf = (/** @type {string} */ question, /** @type {string} */ size) => {
    const found = parts.find(({ parts: [of, asked] }) => of === size && asked === question)?.result;
    return found ? `${short(median(found.p50))} ms, ${ratioOf(found).toFixed(2)}` : '';
  };
  return [
    `| list of users (target 0.6) | ${sizes.join(' | ')} |`,
    `|---${'|---'.repeat(sizes.length)}|`,
    ...questions.map((question) => `| ${[question, ...sizes.map((size) => cellOf(question, size))].join(' | ')} |`),
  ].join('\n');
}

const short = (/** @type {number} */ value) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

/** How far the rounds lie apart: which ratio is a fact and which is the weather. @param {Result} result */
function spread({ ours, bare }) {
  const ratios = ours.map((value, round) => value / (bare[round] ?? NaN));
  return ratios.length > 1 ? `(${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)})` : '';
}

/** @param {import('./requests.mjs').Cell} cell */
function targetOf({ target, most, most_of_bare, unit = '' }) {
  if (target !== undefined) return `>= ${target}`;
  if (most_of_bare !== undefined) return `<= ${most_of_bare}`;
  return most === undefined ? '' : `<= ${most}${unit}`;
}

const VERDICTS = new Map([
  [true, 'met'],
  [false, 'missed'],
  [null, ''],
]);

const verdict = (/** @type {Result} */ result) => VERDICTS.get(isMet(result)) ?? '';
