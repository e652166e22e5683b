import * as path from "node:path";
import { PolicyPack } from "@pulumi/policy";
import { policies } from "./policies";

// The compiled pack lies two folders below the one that the user names.
const folder =
  path.basename(__dirname) === "policy-pack" && path.basename(path.dirname(__dirname)) === "bin"
    ? path.resolve(__dirname, "..", "..")
    : __dirname;

new PolicyPack("tourniquet", { policies: policies({ folder }) });
