import type { Directory } from "../directory";
import type { Question, TrailEvent } from "../eventHistory";
import type { Principal } from "../principal";
import type { Answer, Request } from "../wire";
import type { ServiceCredential } from "./serviceCredentials";

/** The account behind the corrections. */
export interface Backend {
  accountId: string;
  /** Users' permissions boundaries: user name → policy ARN. */
  boundaries: Map<string, string>;
  /** Service-specific credentials by their ids, oldest first. */
  serviceCredentials: Map<string, ServiceCredential>;
  /** What the account holds before the call. */
  directory(): Promise<Directory>;
  /** Name of the user whose access key it is, under his present name. */
  ownerOfKey(accessKeyId: string): string | undefined;
  /** Ids of the access keys that a user has. */
  keysOf(userName: string): string[];
  /** moto's own answer to a request. */
  forward(request: Request): Promise<Answer>;
  /** moto's answer to another call, with `params` as the query protocol flattens them. */
  ask(service: string, action: string, params: Record<string, string>): Promise<Answer>;
  /** CloudTrail's events that have arrived and fit, the newest first. */
  events(question: Question): TrailEvent[];
  /** A new access key of the account's root user. */
  rootKey(): { accessKeyId: string; secretAccessKey: string };
}

/** One place where moto is wrong or lacks something, put right in front of it. */
export interface Correction {
  service: string;
  actions: string[];
  /** Where AWS says how it is. */
  source: string;
  handle(request: Request, principal: Principal, backend: Backend): Promise<Answer>;
}
