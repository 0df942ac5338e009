import { hash } from 'node:crypto';
import { hashTag } from '../../../redis/hash-tag.js';

/** The Redis keys of one circuit. All have one hash tag, so that they are on one node of a Cluster. */
export interface CircuitKeys {
  /** What all processes know. */
  readonly state: string;
  /** What each process has seen, a hash. */
  readonly reports: string;
  /** The process that probes. */
  readonly probe: string;
}

/** A longer name is replaced by its digest: clients may choose the keys of circuits. */
const MAX_LENGTH = 200;

/** @param target digest of the target; empty where it is unknown */
export function circuitKeys(prefix: string, circuit: string, target: string): CircuitKeys {
  const name = circuit.length > MAX_LENGTH ? `#${hash('sha256', circuit, 'base64url')}` : circuit;
  const base = `${hashTag(prefix, name)}:circuit:${target}`;
  return { state: `${base}:state`, reports: `${base}:reports`, probe: `${base}:probe` };
}

/** The channel on which the changes of all circuits are told. */
export const circuitChannel = (prefix: string): string => `${prefix}:circuits`;
