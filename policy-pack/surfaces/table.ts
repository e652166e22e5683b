import type { Fact } from "../facts";
import type { Resource } from "../resource";

/** How each type of resource is read; a new surface is a new line. */
export type Surfaces = Record<string, (resource: Resource) => Fact[]>;
