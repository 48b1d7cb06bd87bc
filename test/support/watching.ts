import { join } from 'node:path';
import { parse } from 'yaml';
import { projectFile } from './compose.js';

const ALERTS = 'deploy/prometheus/alerts.yml';
/** For who reads it by itself. */
export const ALERTS_FILE = join(import.meta.dirname, '../..', ALERTS);

interface Alert {
  readonly alert: string;
  readonly expr: string;
}

/** The alert rules that ship, in their order. */
export function alerts(): Alert[] {
  const { groups } = parse(projectFile(ALERTS)) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** What the panels of the dashboard ask for. */
export function panelExpressions(): string[] {
  const dashboard = JSON.parse(projectFile('deploy/grafana/omni.json')) as {
    panels: { targets: { expr: string }[] }[];
  };
  return dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
}
