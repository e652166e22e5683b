/**
 * Bundles what the Lambdas use of each AWS client into one file, since loading is most of a cold
 * start: `npm run bench` measures it. Writes `bin/CLIENT.js`, and beside it the licences of the
 * packages that are in it.
 *
 * Plain CommonJS: it runs before a Lambda is packed, as part of `npm ci` ("prepare").
 */
const { readdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { join, parse } = require("node:path");
const esbuild = require("esbuild");

const BIN = join(__dirname, "bin");

/** A client's schemas are one file of ten thousand arrays, of which a command needs a handful. */
const SCHEMAS = /client-[\w-]+\/dist-es\/schemas\/schemas_\d+\.js$/;

/** A statement `var X = […];` as the SDK's generator writes it. */
const SCHEMA = /^((?:export )?var [\w$]+ = )(\[[\s\S]*?\]);$/gm;

/**
 * esbuild keeps an array with a computed key (`{ [_xN]: … }`), for computing a key may call
 * somebody's toString. Here every key is a text, so whoever is not asked for may go.
 */
const dropUnusedSchemas = {
  name: "drop-unused-schemas",
  setup(build) {
    build.onLoad({ filter: SCHEMAS }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(SCHEMA, "$1/* @__PURE__ */ (() => $2)();"),
    }));
  },
};

const credentialsFromEnvironment = {
  name: "credentials-from-environment",
  setup(build) {
    const path = join(__dirname, "environmentCredentials.js");
    build.onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({ path }));
  },
};

/** Builds one client; the bundle is the ES modules', since esbuild leaves nothing out of the others. */
async function bundle(entry) {
  const { name } = parse(entry);
  const { metafile } = await esbuild.build({
    absWorkingDir: __dirname,
    entryPoints: [entry],
    outfile: join(BIN, `${name}.js`),
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    mainFields: ["module", "main"],
    legalComments: "none",
    metafile: true,
    plugins: [dropUnusedSchemas, credentialsFromEnvironment],
  });
  writeFileSync(join(BIN, `${name}.LICENSES.txt`), licences(Object.keys(metafile.inputs)));
}

/** Who wrote the bundle: name, version and licence text of every package in it. */
function licences(inputs) {
  const folders = new Set(
    inputs.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  return [...folders]
    .sort()
    .map((folder) => {
      const from = join(__dirname, folder);
      const { name, version, license } = JSON.parse(readFileSync(join(from, "package.json")));
      return { title: `${name} ${version}, ${license}`, text: licenceText(from) };
    })
    .reduce(sameTextOnce, [])
    .map(({ titles, text }) => `${titles.join("\n")}\n\n${text.trim()}\n`)
    .join(`\n${"-".repeat(80)}\n`);
}

/** @throws where a package has no licence text: it must not be shipped without. */
function licenceText(folder) {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  if (!file) throw new Error(`${folder} has no licence file, so it cannot be bundled`);
  return readFileSync(join(folder, file), "utf8");
}

function sameTextOnce(known, { title, text }) {
  const same = known.find((one) => one.text.trim() === text.trim());
  if (same) same.titles.push(title);
  else known.push({ titles: [title], text });
  return known;
}

async function build() {
  rmSync(BIN, { recursive: true, force: true });
  const entries = readdirSync(__dirname).filter((name) => name.endsWith(".ts"));
  await Promise.all(entries.map((entry) => bundle(join(__dirname, entry))));
}

build().catch((error) => {
  console.error(`the AWS clients could not be bundled: ${error.message}`);
  process.exitCode = 1;
});
