/**
 * The floor that the first cut is measured against: a process that loads nothing but node:http and
 * node:crypto, makes one request signed by hand as it starts, and one more for every message.
 *
 * Plain CommonJS: it runs outside the project, as the Lambdas do.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
const { createHash, createHmac } = require("node:crypto");
const http = require("node:http");

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

/**
 * Signature Version 4 of a POST to "/", the form of every call of IAM's and EC2's query protocols.
 *
 * @param {{ headers: Record<string, string>, signed: string[], body: string | Buffer,
 *   scope: string, secret: string }} request headers in lower case, x-amz-date among them; `signed`
 *   are the names that count, in order; scope is "20260101/us-east-1/iam/aws4_request".
 * @returns {string} in hex
 */
function signature({ headers, signed, body, scope, secret }) {
  const canonical = [
    "POST\n/\n",
    ...signed.map((name) => `${name}:${headers[name].trim().replace(/ +/g, " ")}`),
    `\n${signed.join(";")}`,
    sha256(body),
  ].join("\n");
  const text = `AWS4-HMAC-SHA256\n${headers["x-amz-date"]}\n${scope}\n${sha256(canonical)}`;
  const key = scope.split("/").reduce(hmac, `AWS4${secret}`);
  return hmac(key, text).toString("hex");
}

function attachDenyAll(done) {
  const { AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
  const url = new URL(AWS_ENDPOINT_URL);
  const body = new URLSearchParams({
    Action: "AttachUserPolicy",
    Version: "2010-05-08",
    UserName: "bob",
    PolicyArn: "arn:aws:iam::aws:policy/AWSDenyAll",
  }).toString();
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    host: url.host,
    "x-amz-date": date,
  };
  const signed = Object.keys(headers);
  const scope = `${date.slice(0, 8)}/${AWS_REGION}/iam/aws4_request`;
  const proof = signature({ headers, signed, body, scope, secret: AWS_SECRET_ACCESS_KEY });
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${signed.join(";")}, Signature=${proof}`;
  const request = http.request(url, { method: "POST", headers }, (response) => {
    response.resume().on("end", () => done(response.statusCode));
  });
  request.end(body);
}

if (require.main === module) {
  const answer = (status) => process.send(status);
  attachDenyAll(answer);
  process.on("message", () => attachDenyAll(answer));
  process.on("disconnect", () => process.exit(0));
}

module.exports = { signature };
