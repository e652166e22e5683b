/** A resource's inputs: plain values, in which "unknown" stands for what only deployment will tell. */
export type Props = Record<string, unknown>;

/** One resource of the program, as the surfaces read it. */
export interface Resource {
  /** Where a violation is shown. Resources inside a template share their template's. */
  urn: string;
  /** Pulumi's type token, e.g. "aws:ec2/securityGroup:SecurityGroup". */
  type: string;
  /** The name that the program gave it. */
  name: string;
  props: Props;
  /** Ids of the resources that a property's value comes from: Pulumi's property dependencies. */
  deps: Record<string, string[]>;
  /**
   * What other resources' `deps` call it: its URN, or, inside a template, the URN, "#" and the
   * logical id.
   */
  id: string;
  /** What a place in it begins with: "" or, inside a template, "Resources.Web.". */
  within: string;
}

/** Is anything in the value not known before deployment? */
export function holdsUnknown(value: unknown): boolean {
  if (value === "unknown") return true;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsUnknown);
}
