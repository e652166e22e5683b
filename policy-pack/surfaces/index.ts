import type { Fact } from "../facts";
import type { Resource } from "../resource";
import { iamSurfaces } from "./iam";
import { serviceSurfaces } from "./services";
import { sshSurfaces } from "./ssh";
import type { Surfaces } from "./table";

/** Types that hold other resources in themselves; see `expand`. */
const holders = [
  "aws:cloudcontrol/resource:Resource",
  "aws:cloudformation/stack:Stack",
  "aws:cloudformation/stackSet:StackSet",
  "aws-native:cloudformation:Stack",
  "aws-native:cloudformation:StackSet",
  "aws-native:index:ExtensionResource",
];

const surfaces: Surfaces = { ...sshSurfaces, ...serviceSurfaces, ...iamSurfaces };

/** Every type of resource that the pack reads. */
export const readTypes = [...Object.keys(surfaces), ...holders];

/** Does the pack read resources of this type? */
export function isRead(type: string): boolean {
  return Object.hasOwn(surfaces, type) || holders.includes(type);
}

/** What a resource says; nothing, where its type is none of the surfaces'. */
export function factsOf(resource: Resource): Fact[] {
  return Object.hasOwn(surfaces, resource.type) ? (surfaces[resource.type]?.(resource) ?? []) : [];
}
