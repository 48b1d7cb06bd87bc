import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { parse, parseAllDocuments } from 'yaml';
import { readSettings } from '../../src/config/read-settings.js';
import { Timings } from '../../src/config/timings.js';
import { variables } from '../../src/config/variable.js';
import { projectFile } from '../support/compose.js';

const FOLDER = join(import.meta.dirname, '../../deploy/kubernetes');

/** Something that a cluster is given. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly [field: string]: any;
}

const files = readdirSync(FOLDER).filter((name) => name !== 'kustomization.yaml');
const manifests: Manifest[] = files.flatMap((name) =>
  parseAllDocuments(projectFile(`deploy/kubernetes/${name}`)).map((document) => document.toJS()),
);
const named = (kind: string, name: string): Manifest =>
  manifests.find((one) => one.kind === kind && one.metadata.name === name)!;
const pods = manifests.filter(({ kind }) => ['Deployment', 'Job'].includes(kind));
const podOf = ({ spec }: Manifest): any => spec.template.spec;
const containerOf = (manifest: Manifest): any => podOf(manifest).containers[0];

/** What the types of Kubernetes say against these manifests. */
function faultsOf(all: readonly Manifest[]): string[] {
  const path = join(import.meta.dirname, 'manifests.ts');
  const lines = all.map((manifest, at) => {
    const { apiVersion, kind } = manifest;
    const module = apiVersion.includes('/') ? apiVersion.replace(/\.k8s\.io/, '') : `core/${apiVersion}`;
    const value = JSON.stringify(manifest);
    return `import type { ${kind} as Kind${at} } from 'kubernetes-types/${module}';\nexport const one${at}: Kind${at} = ${value};`;
  });
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.getSourceFile = (name, ...rest) =>
    name === path
      ? ts.createSourceFile(path, lines.join('\n'), ts.ScriptTarget.ES2022)
      : getSourceFile.call(host, name, ...rest);
  host.fileExists = (name) => name === path || fileExists.call(host, name);
  const program = ts.createProgram([path], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

describe('the manifests for Kubernetes', () => {
  it('are what Kubernetes’ own types say, and one that is not is found', () => {
    expect(faultsOf(manifests)).toEqual([]);
    const misspelt = { ...named('Service', 'omni-api'), spec: { selectors: {} } };
    expect(faultsOf([misspelt])).toEqual([expect.stringContaining('selectors')]);
  }, 60_000);

  it('are all applied, API and workers twice each', () => {
    const { resources } = parse(projectFile('deploy/kubernetes/kustomization.yaml'));

    expect(resources.toSorted()).toEqual(files.toSorted());
    expect(manifests.map(({ kind, metadata: { name } }) => `${kind} ${name}`).toSorted()).toEqual([
      'ConfigMap omni',
      'Deployment omni-api',
      'Deployment omni-worker',
      'HorizontalPodAutoscaler omni-api',
      'Job omni-migrate',
      'NetworkPolicy omni',
      'PodDisruptionBudget omni-api',
      'PodDisruptionBudget omni-worker',
      'Service omni-api',
    ]);
    for (const name of ['omni-api', 'omni-worker']) expect(named('Deployment', name)['spec'].replicas).toBe(2);
  });

  it('give variables that exist, no secret, and with the secrets all that a start wants', () => {
    const { data } = named('ConfigMap', 'omni');
    const secrets = {
      POSTGRES_URL: 'postgres://omni_app:a@db/omni',
      REDIS_URL: 'redis://redis:6379',
      SMTP_URL: 'smtp://mail:25',
      SECRET_KEY: '0123456789abcdef0123456789abcdef',
      OPS_TOKEN: 'a-token-of-the-operators-only-0001',
    };
    const names = [
      ...Object.keys(data),
      ...pods.flatMap((pod) => (containerOf(pod).env ?? []).map((one: any) => one.name)),
    ];

    expect(names.filter((name) => !variables().has(name))).toEqual([]);
    expect(names.filter((name) => variables().get(name)?.secret)).toEqual([]);
    for (const PROCESS_ROLE of ['api', 'worker'])
      expect(readSettings({ ...data, ...secrets, PROCESS_ROLE })).toMatchObject({
        NODE_ENV: 'production',
        PROCESS_ROLE,
      });
  });

  it('hand the owner of the tables to nobody but the migration', () => {
    const owners = pods.filter((pod) => JSON.stringify(containerOf(pod).envFrom).includes('omni-owner'));

    expect(owners.map(({ metadata }) => metadata.name)).toEqual(['omni-migrate']);
  });

  it.each(['omni-api', 'omni-worker'])(
    'ask %s on its ops port, without a token, whether it lives and is ready',
    (name) => {
      const container = containerOf(named('Deployment', name));
      const port = container.ports.find((one: any) => one.name === 'ops');

      expect(port.containerPort).toBe(Number(variables().get('OPS_PORT')?.default));
      for (const probe of ['startupProbe', 'livenessProbe'])
        expect(container[probe].httpGet).toEqual({ path: '/health/live', port: 'ops' });
      expect(container.readinessProbe.httpGet).toEqual({ path: '/health/ready', port: 'ops' });
    },
  );

  it('leave a process longer to end than it takes', () => {
    const { shutdown_ms, drain_ms } = new Timings();
    for (const name of ['omni-api', 'omni-worker']) {
      const pod = podOf(named('Deployment', name));
      const pause_ms = pod.containers[0].lifecycle ? 3_000 : 0;
      expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(pause_ms + drain_ms + shutdown_ms);
    }
  });

  it('run as nobody special, on files that nobody changes', () => {
    for (const pod of pods) {
      expect(podOf(pod)).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true },
      });
      expect(containerOf(pod).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });
});
