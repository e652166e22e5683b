import type { ResourceValidationArgs, StackValidationArgs } from "@pulumi/policy";
import { plain, plainValue } from "./raw";
import { holdsUnknown, type Props, type Resource } from "./resource";
import { isRead } from "./surfaces";
import { expand } from "./surfaces/template";

/** What is shown of a resource when all are known. */
type StackResource = Pick<
  StackValidationArgs["resources"][number],
  "urn" | "type" | "name" | "props"
> & { propertyDependencies: Record<string, { urn: string }[]> };

/** What is shown of a resource before it is made. */
type Inputs = Pick<ResourceValidationArgs, "urn" | "type" | "name" | "props">;

/** A resource and what it holds inside, by its inputs alone. */
export function readAlone({ urn, type, name, props }: Inputs): Resource[] {
  if (!isRead(type)) return [];
  return withInner({ urn, type, name, props: plain(props), deps: {}, id: urn, within: "" });
}

/**
 * What is known of the program that is previewed. The pack is one process for one run: the engine
 * shows it each resource's inputs, and at the end all resources' outputs, in which a property with
 * one unknown part is missing. So the inputs are kept.
 * Source: https://github.com/pulumi/pulumi/issues/7854
 */
export class Program {
  readonly #inputs = new Map<string, Props>();

  /** Keeps a resource's inputs; answers the resource and what it holds inside, as read so far. */
  see(shown: Inputs): Resource[] {
    const read = readAlone(shown);
    if (read[0]) this.#inputs.set(shown.urn, read[0].props);
    return read;
  }

  /** All resources that the stack will have, those inside others included. */
  all({ resources }: { resources: StackResource[] }): Resource[] {
    return resources
      .filter(({ type }) => isRead(type))
      .flatMap(({ urn, type, name, props, propertyDependencies }) => {
        const deps = Object.entries(propertyDependencies).map(
          ([property, on]): [string, string[]] => [property, on.map((one) => one.urn)],
        );
        return withInner({
          urn,
          type,
          name,
          props: completed(this.#inputs.get(urn), props),
          deps: Object.fromEntries(deps),
          id: urn,
          within: "",
        });
      });
  }
}

/**
 * Inputs tell what is wanted; outputs add what the provider made, and what was not known before. Of
 * most resources no output is needed, so none is read that is not asked for.
 */
function completed(inputs: Props | undefined, outputs: object): Props {
  if (inputs === undefined) return plain(outputs);
  const told = Object.keys(inputs)
    .filter((key) => holdsUnknown(inputs[key]))
    .map((key): [string, unknown] => [key, plainValue(outputs, key)])
    .filter(([, value]) => value !== undefined && !holdsUnknown(value));
  return { ...identity(outputs), ...inputs, ...Object.fromEntries(told) };
}

/** The outputs by which other resources may name this one. */
const IDENTITY = ["id", "arn", "name", "userName", "groupName", "groupId", "prefixListId"];

function identity(outputs: object): Props {
  const known = IDENTITY.map((key): [string, unknown] => [key, plainValue(outputs, key)]);
  return Object.fromEntries(known.filter(([, value]) => typeof value === "string"));
}

function withInner(resource: Resource): Resource[] {
  return [resource, ...expand(resource).flatMap(withInner)];
}
