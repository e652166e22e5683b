import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { Configured } from "../policy-pack/configuration";
import type { PackSettings } from "../policy-pack/judge";

/** What `--help` prints. */
export const HELP = `Says where SSH is open to the world and which IAM users are admins, in what exists already.

  npm run audit -- --state FILE     a stack: what "pulumi stack export" prints
  npm run audit -- --account        a live account, by calls that change nothing

  --region R …        ask these regions only (default: all that the account has enabled)
  --json | --sarif    print JSON or SARIF 2.1.0 on stdout instead of a table
  --exemptions FILE   the dated exemptions (default: exemptions.yaml beside Pulumi.yaml)
  --trusted CIDR …    a source that SSH may stay open to; a prefix list's id too
  --ssh-port PORT …   a port that carries SSH (default: 22)
  --endpoint URL      an AWS stand-in on this machine
  --help              this text

Exits with 0 if nothing is open, 1 if something is, 2 if it could not look.
What cannot be told is shown as unknown, and alone exits with 0.
`;

/** What the command line asks for. */
export interface Options {
  /** The exported state, or nothing for the live account. */
  state?: string;
  regions: string[];
  format: "table" | "json" | "sarif";
  exemptions?: string;
  settings: PackSettings;
  endpoint?: string;
}

/**
 * Reads the command line; undefined where only help is wanted.
 *
 * @throws Error that names option, value and what would be right.
 */
export function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      state: { type: "string" },
      account: { type: "boolean", default: false },
      region: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      sarif: { type: "boolean", default: false },
      exemptions: { type: "string" },
      trusted: { type: "string", multiple: true, default: [] },
      "ssh-port": { type: "string", multiple: true, default: ["22"] },
      endpoint: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { state, account, region: regions, exemptions, endpoint } = values;
  if ((state !== undefined) === account) {
    throw new Error("give either --state FILE or --account: see npm run audit -- --help");
  }
  const ofAccount = [
    ...(regions.length > 0 ? ["--region"] : []),
    ...(endpoint ? ["--endpoint"] : []),
  ];
  if (!account && ofAccount.length > 0) {
    throw new Error(
      `${ofAccount.join(" and ")}: of --account only, a state file has no regions to ask`,
    );
  }
  if (values.json && values.sarif) throw new Error("give --json or --sarif, not both");
  return {
    regions,
    format: values.json ? "json" : values.sarif ? "sarif" : "table",
    settings: settingsOf(values["ssh-port"], values.trusted),
    ...(state !== undefined && { state: found("--state", state) }),
    ...(exemptions !== undefined && { exemptions: found("--exemptions", exemptions) }),
    ...(endpoint !== undefined && { endpoint: loopback(endpoint) }),
  };
}

/** The pack's own settings, read by the pack's own rules. */
function settingsOf(ports: string[], trustedCidrs: string[]): PackSettings {
  const sshPorts = ports.map((port) => (/^\d+$/.test(port) ? Number(port) : port));
  const configured = new Configured();
  const wrong = configured.take("--ssh-port and --trusted", { sshPorts, trustedCidrs });
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
  const { exemptions: _, ...settings } = configured.of("--ssh-port and --trusted");
  return settings;
}

/** npm runs scripts in the project's folder; a path may be meant from where npm was called. */
function found(option: string, file: string): string {
  const meant = [file, path.resolve(process.env.INIT_CWD ?? "", file)].find(fs.existsSync);
  if (meant === undefined) throw new Error(`${option} ${file}: there is no such file`);
  return meant;
}

/** A stand-in gets credentials that may be real, so it may only be on this machine. */
function loopback(endpoint: string): string {
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : "";
  if (/^(localhost|127(\.\d+){3}|\[::1\])$/.test(host)) return endpoint;
  throw new Error(
    `--endpoint ${endpoint}: not on this machine; it has to be a URL such as http://127.0.0.1:5000`,
  );
}
