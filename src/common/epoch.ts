/** A moment in whole seconds of the epoch, as other services count. */
export const epochSeconds = (moment: Date): number => Math.floor(moment.getTime() / 1_000);
