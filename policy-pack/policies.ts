import type {
  Policies,
  ReportViolation,
  ResourceValidationPolicy,
  StackValidationArgs,
  StackValidationPolicy,
} from "@pulumi/policy";
import { type Configuration, Configured, configSchema } from "./configuration";
import { type Exemptions, exemptionsOf, ruling, unused } from "./exempt";
import { addsToOther, type Finding, judge, openAlone, type PackSettings } from "./judge";
import { DOCUMENTATION, message } from "./message";
import { Program, readAlone } from "./program";
import { remediate } from "./remediation";
import type { Resource } from "./resource";
import { unreadable } from "./surfaces/template";

type Rule = Finding["rule"];

/** A policy that looks at each resource and then at all of them: the SDK asks it for both. */
type BothPolicy = ResourceValidationPolicy & StackValidationPolicy;

/** What makes one run's policies. */
export interface PackOptions {
  /** The exemptions are sought from here upwards. */
  folder: string;
  now?: () => Date;
}

const about: Record<Rule, Pick<BothPolicy, "framework" | "tags" | "remediationSteps" | "url">> = {
  "ssh-open-to-world": {
    framework: {
      name: "CIS AWS Foundations Benchmark",
      version: "3.0.0",
      reference: "5.2, 5.3",
      specification:
        "Ensure no security groups allow ingress from 0.0.0.0/0 or ::/0 to remote server administration ports",
    },
    tags: ["ssh", "network", "ATT&CK T1133", "ATT&CK T1562.007"],
    remediationSteps:
      "Replace the world by the addresses of those who need SSH, or remove the rule and use Session Manager.",
    url: DOCUMENTATION,
  },
  "admin-user": {
    framework: {
      name: "CIS AWS Foundations Benchmark",
      version: "3.0.0",
      reference: "1.15, 1.16",
      specification:
        'Ensure IAM policies that allow full "*:*" administrative privileges are not attached',
    },
    tags: ["iam", "privilege", "ATT&CK T1098.003", "ATT&CK T1078.004"],
    remediationSteps:
      "Grant the actions that the user needs, or give the administration to a role that he assumes with MFA.",
    url: DOCUMENTATION,
  },
};

/** The four policies, sharing what one run of the program shows them. */
export function policies({ folder, now = () => new Date() }: PackOptions): Policies {
  const program = new Program();
  const configured = new Configured();
  const files = new Map<string | undefined, Exemptions>();
  const exemptionsIn = (file: string | undefined): Exemptions => {
    const read = files.get(file) ?? exemptionsOf(file, folder);
    files.set(file, read);
    return read;
  };
  let round = new Round(program);
  const judged = (policy: string, rule: Rule, args: StackValidationArgs): Judged => {
    if (round.hasAnswered(policy)) round = new Round(program);
    const settings = configured.of(policy);
    const { findings, resources } = round.judge({ policy, rule, settings }, args);
    return { findings, resources, exemptions: exemptionsIn(settings.exemptions) };
  };
  return [
    certain("ssh-open-to-world", "SSH must not be open to the world.", {
      severity: "critical",
      // The engine asks this before any other policy has been told its configuration.
      remediateResource(args) {
        configured.take("ssh-open-to-world", args.getConfig());
        const { exemptions, ...settings } = configured.of("ssh-open-to-world");
        try {
          const open = refused(readAlone(args), settings, exemptionsIn(exemptions));
          return open.length > 0 ? remediate(args, settings) : undefined;
        } catch {
          // What cannot be rewritten is judged as it is, and the error is reported there.
          return undefined;
        }
      },
      alone: true,
    }),
    certain("admin-user", "No IAM user may be an admin.", { severity: "critical" }),
    doubtful("ssh-open-to-world", "SSH may be open to the world, or is by an exemption."),
    doubtful("admin-user", "An IAM user may be an admin, or is by an exemption."),
  ];

  /** What one resource alone opens, and nobody has exempted. */
  function refused(resources: Resource[], settings: PackSettings, read: Exemptions) {
    const anyExempt = read.exemptions.some((one) => one.rule === "ssh-open-to-world");
    // Whose group it is will be known when all resources are; until then nobody is accused.
    if (anyExempt && addsToOther(resources)) return [];
    return openAlone(resources, settings)
      .map((finding) => ({ finding, ...ruling(finding, read, now()) }))
      .filter(({ exempt }) => exempt === undefined);
  }

  function certain(
    rule: Rule,
    description: string,
    { alone, ...rest }: Partial<BothPolicy> & { alone?: boolean },
  ): BothPolicy {
    const reported = new Set<string>();
    return {
      name: rule,
      description,
      enforcementLevel: "mandatory",
      configSchema,
      ...about[rule],
      ...rest,
      validateResource(args, report) {
        guarded(report, () => {
          configured.take(rule, args.getConfig());
          // What was read of the stack before is not what it is after this one.
          round = new Round(program);
          const resources = program.see(args);
          if (!alone) return;
          const { exemptions, ...settings } = configured.of(rule);
          for (const { finding, complaints } of refused(
            resources,
            settings,
            exemptionsIn(exemptions),
          )) {
            reported.add(keyOf(finding));
            report([message(finding), ...complaints].join("\n"), finding.urn);
          }
        });
      },
      validateStack(args, report) {
        guarded(report, () => {
          for (const wrong of configured.take(rule, args.getConfig())) report(wrong);
          const { findings, exemptions } = judged(rule, rule, args);
          for (const finding of findings.filter(({ answer }) => answer === "yes")) {
            if (reported.has(keyOf(finding))) continue;
            const { exempt, complaints } = ruling(finding, exemptions, now());
            if (!exempt) report([message(finding), ...complaints].join("\n"), finding.urn);
          }
        });
      },
    };
  }

  function doubtful(rule: Rule, description: string): StackValidationPolicy {
    const name = `${rule}-unknown`;
    return {
      name,
      description,
      enforcementLevel: "advisory",
      severity: "medium",
      configSchema,
      ...about[rule],
      validateStack(args, report) {
        guarded(report, () => {
          for (const wrong of configured.take(name, args.getConfig())) report(wrong);
          reportDoubts(judged(name, rule, args), rule, report);
        });
      },
    };
  }

  function reportDoubts(
    { findings, resources, exemptions }: Judged,
    rule: Rule,
    report: ReportViolation,
  ): void {
    const ruled = findings.map((finding) => ({ finding, ...ruling(finding, exemptions, now()) }));
    for (const { finding, exempt } of ruled) {
      if (exempt || finding.answer === "unknown") report(message(finding, exempt), finding.urn);
    }
    for (const { urn, why } of unread(resources)) report(why, urn);
    const used = ruled.flatMap((one) => one.used);
    const ofRule = exemptions.exemptions.filter((one) => one.rule === rule);
    const idle = unused({ ...exemptions, exemptions: ofRule }, used);
    // What is wrong with the file itself concerns both rules, and is told once.
    const ofFile = rule === "ssh-open-to-world" ? exemptions.complaints : [];
    for (const complaint of [...ofFile, ...idle]) report(complaint);
  }
}

/**
 * One look at all resources. The SDK shows them to each policy in turn, anew; they are read once, and
 * judged once for each rule and what it is told. A policy that asks again is shown another stack.
 */
class Round {
  readonly #program: Program;
  readonly #answered = new Set<string>();
  readonly #findings = new Map<string, Finding[]>();
  #resources: Resource[] | undefined;

  constructor(program: Program) {
    this.#program = program;
  }

  hasAnswered(policy: string): boolean {
    return this.#answered.has(policy);
  }

  judge(
    { policy, rule, settings }: { policy: string; rule: Rule; settings: Configuration },
    args: StackValidationArgs,
  ): Pick<Judged, "findings" | "resources"> {
    this.#answered.add(policy);
    this.#resources ??= this.#program.all(args);
    const key = JSON.stringify([rule, settings]);
    const findings = this.#findings.get(key) ?? judge(rule, this.#resources, settings);
    this.#findings.set(key, findings);
    return { findings, resources: this.#resources };
  }
}

interface Judged {
  findings: Finding[];
  resources: Resource[];
  exemptions: Exemptions;
}

const READABLE =
  "give it as text that the preview can read, or judge it after deployment: npm run audit";

function unread(resources: Resource[]): { urn: string; why: string }[] {
  return resources.flatMap((resource) => {
    const why = unreadable(resource);
    return why === undefined ? [] : [{ urn: resource.urn, why: `${why}\nFix: ${READABLE}` }];
  });
}

function keyOf({ urn, place, rule }: Finding): string {
  return `${rule} ${urn} ${place}`;
}

/**
 * The engine stops at an exception with nothing but "failed to run policy", even of an advisory
 * policy: an error of the pack is reported as what it is.
 */
function guarded(report: ReportViolation, judgeAll: () => void): void {
  try {
    judgeAll();
  } catch (error) {
    const { stack = String(error) } = error as Error;
    report(
      `The policy pack failed, so this was not judged; please report it: ${stack.slice(0, 600)}`,
    );
  }
}
