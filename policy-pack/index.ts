import * as path from "node:path";
import { PolicyPack } from "@pulumi/policy";
import { projectAbove } from "./exempt";
import { policies } from "./policies";
import { readOnce } from "./readOnce";

// The compiled pack lies two folders below the one that the user names.
const pack =
  path.basename(__dirname) === "policy-pack" && path.basename(path.dirname(__dirname)) === "bin"
    ? path.resolve(__dirname, "..", "..")
    : __dirname;

// The engine runs a pack in the pack's folder, and tells it nothing of the program's; the shell from
// which it was started does, unless that was outside of every project (`pulumi --cwd`).
const shell = process.env.PWD;
const folder = shell !== undefined && projectAbove(shell) !== undefined ? shell : pack;

readOnce();
new PolicyPack("tourniquet", { policies: policies({ folder }) });
