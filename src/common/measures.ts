import { DiscoveryService } from '@nestjs/core';

/** What a number is about. Names and units are Prometheus' own: https://prometheus.io/docs/practices/naming/ */
export interface Measure {
  /** With `omni_` before it. What lies in the database is the same in every process: take the maximum, never the sum. */
  readonly name: `omni_${string}`;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Marks a method `() => Sample[] | Promise<Sample[]>` that is asked whenever somebody reads the metrics. */
export const Measures = DiscoveryService.createDecorator<Measure>();
