import type { ScenarioResult } from "./result";
import { type Moment, milliseconds, timelineOf } from "./timeline";

/** Text that is HTML already; anything else is escaped when it enters a page. */
class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A template whose values are escaped, unless they are HTML made by this very tag. */
function html(parts: TemplateStringsArray, ...values: unknown[]): Html {
  const rendered = values.map((value) => {
    const list = Array.isArray(value) ? value : [value];
    return list.map((each) => (each instanceof Html ? each.text : escaped(String(each)))).join("");
  });
  return new Html(parts.map((part, index) => part + (rendered[index] ?? "")).join(""));
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** What the report says about the run as a whole. */
export interface ReportHead {
  /** ISO time at which the drill was run. */
  at: string;
  runtime?: { node: string; sdk: string };
}

/**
 * The drill's report: one page that needs nothing else, in light or dark as the reader has it.
 * Everything from scenarios and the account is escaped: names are the attacker's to choose.
 */
export function reportHtml(results: ScenarioResult[], head: ReportHead): string {
  const failed = results.filter(({ passed }) => !passed).length;
  const verdict =
    failed === 0
      ? `All ${results.length} scenarios passed`
      : `${failed} of ${results.length} scenarios failed`;
  const runtime = head.runtime
    ? html` Lambdas ran on Node ${head.runtime.node} with AWS SDK ${head.runtime.sdk}.`
    : "";
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tourniquet drill: ${verdict}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<header>
<h1>Tourniquet drill</h1>
<p class="${failed === 0 ? "passed" : "failed"} verdict">${verdict}</p>
<p>${head.at}.${runtime} Times count from the arrival of the first event.</p>
</header>
<main>
<table>
<thead><tr><th>Scenario</th><th>Result</th><th>Decision</th><th>First cut</th><th>Contained</th><th>Verified</th></tr></thead>
<tbody>
${results.map(row)}
</tbody>
</table>
${results.map(section)}
</main>
</body>
</html>
`.text;
}

function row(result: ScenarioResult, index: number): Html {
  const { name, passed, decisions, firstCutMs, containedMs, verifiedMs } = result;
  return html`<tr><td><a href="#s${index}">${name}</a></td>${mark(passed)}<td>${[...new Set(decisions)].join(", ")}</td>${[firstCutMs, containedMs, verifiedMs].map((ms) => html`<td class="number">${milliseconds(ms)}</td>`)}</tr>
`;
}

function mark(passed: boolean): Html {
  return passed ? html`<td class="passed">passed</td>` : html`<td class="failed">failed</td>`;
}

function section(result: ScenarioResult, index: number): Html {
  const { name, file, passed, failures, executions } = result;
  return html`<details id="s${index}"${new Html(passed ? "" : " open")}>
<summary><span class="${passed ? "passed" : "failed"}">${passed ? "✔" : "✘"}</span> ${name}</summary>
<p class="file">${file}</p>
${failures.length > 0 ? html`<ul class="failures">${failures.map((failure) => html`<li>${failure}</li>`)}</ul>` : ""}
<ol class="timeline">
${timelineOf(result).map(moment)}
</ol>
${executions.map(execution)}
</details>
`;
}

function moment({ at, what, text }: Moment): Html {
  return html`<li class="${what.replace(" ", "-")}"><span class="number">${at.toFixed(1)} ms</span> <b>${what}</b> <span>${text}</span></li>
`;
}

function execution(each: ScenarioResult["executions"][number]): Html {
  const { id, cause, status, ms, states, invocations, error, reason } = each;
  const longest = Math.max(1, ms);
  const bars = states.map(
    (state) => html`<tr><td>${state.name}</td><td class="number">${state.ms} ms</td>
<td class="bar"><i style="margin-left:${percent(state.at - each.startedAt, longest)}%;width:${percent(state.ms, longest)}%"></i></td></tr>
`,
  );
  const lambdas = invocations.map(({ function: name, cold, initMs, ms: took, error: wrong }) => {
    const start = cold ? `cold, ${Math.round(initMs ?? 0)} ms to start` : "warm";
    return html`<li>${name}: ${Math.round(took)} ms (${start})${wrong ? html` <span class="failed">${wrong}</span>` : ""}</li>`;
  });
  return html`<section class="execution">
<h3>Execution ${id} <small>${status}, ${ms} ms, started by ${STARTED_BY[cause]}</small></h3>
${error ? html`<p class="failed">${error}: ${reason ?? ""}</p>` : ""}
<table class="states">${bars}</table>
<ul>${lambdas}</ul>
</section>
`;
}

const STARTED_BY = {
  attack: "the attack",
  responder: "a call of the responder",
  repeat: "a second delivery",
};

function percent(part: number, whole: number): string {
  return Math.min(100, Math.max(0.5, (100 * part) / whole)).toFixed(1);
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d8dee4, #3d444d); --soft: light-dark(#f6f8fa, #151b23);
  --text: light-dark(#1f2328, #e6edf3); --good: light-dark(#116329, #4ac26b); --bad: light-dark(#b3261e, #ff7b72);
  --warn: light-dark(#7d4e00, #d29922); --cool: light-dark(#0550ae, #79c0ff); --page: light-dark(#fff, #0d1117); }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 64rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { margin: 0; } h3 { font-size: 1rem; margin: 1rem 0 .25rem; } small { font-weight: normal; opacity: .75; }
a { color: var(--cool); }
.verdict { font-size: 1.25rem; font-weight: 600; margin: .25rem 0; }
.passed { color: var(--good); } .failed { color: var(--bad); }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th { text-align: left; } th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .75rem 0; padding: .5rem 1rem; }
details[open] { background: var(--soft); } summary { cursor: pointer; font-weight: 600; }
.file { opacity: .75; margin: .25rem 0; }
.failures { color: var(--bad); }
.timeline { list-style: none; padding: 0; }
.timeline li { display: grid; grid-template-columns: 7rem 6rem 1fr; gap: .75rem; }
.timeline span:last-child { overflow-wrap: anywhere; }
.attack b { color: var(--bad); } .event b { color: var(--warn); } .first-cut b, .contained b { color: var(--good); }
.verified b { color: var(--cool); } .response b { font-weight: normal; opacity: .75; }
.states { margin: .25rem 0; } .states td { border: 0; padding: .1rem .6rem; } .states td:first-child { width: 16rem; }
.bar { width: 50%; } .bar i { display: block; height: .6rem; border-radius: 3px; background: var(--cool); }
`;
