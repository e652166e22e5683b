import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** One moto_server process: where it listens, and how to end it. */
export interface Moto {
  /** e.g. "http://127.0.0.1:40123" */
  endpoint: string;
  /** Ends the process; resolves when it is gone. Safe to call twice. */
  stop(): Promise<void>;
}

const PYTHON = join(__dirname, "..", "..", ".venv", "bin", "python");

/** The server, and where moto itself is put right: what no correction in front of it can see. */
const SERVER = join(__dirname, "motoServer.py");

const ENVIRONMENT = {
  // Without it AdministratorAccess and AWSDenyAll do not exist.
  MOTO_IAM_LOAD_MANAGED_POLICIES: "true",
  PYTHONUNBUFFERED: "1",
};

/**
 * Starts moto_server, the AWS stand-in, from the private Python environment that setup.js makes.
 *
 * @returns once it accepts connections on 127.0.0.1, on a port of the kernel's choice. A fresh
 *   account without a restart: `POST {endpoint}/moto-api/reset`.
 * @throws Error when `npm run setup` has not run, or with the tail of moto's own output when it
 *   ends before it is ready.
 * Source of the environment variables: https://docs.getmoto.org/en/latest/docs/configuration/environment_variables.html
 */
export async function startMoto(): Promise<Moto> {
  if (!existsSync(PYTHON)) {
    throw new Error(`The AWS stand-in needs ${PYTHON}, which is not there: run "npm run setup"`);
  }
  const server = spawn(PYTHON, [SERVER], { env: { ...process.env, ...ENVIRONMENT } });
  let tail = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-2000);
  });
  // A server that died has closed its end; stop() closing ours must not throw for it.
  server.stdin.on("error", () => {});

  const ended = once(server, "exit");
  const firstLine = once(createInterface(server.stdout), "line");
  const port = await Promise.race([
    firstLine.then(([line]) => String(line)),
    ended.then(() => undefined),
  ]);
  if (port === undefined) {
    throw new Error(`moto_server ended before it was ready (exit ${server.exitCode}): ${tail}`);
  }
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      server.stdin.end();
      await ended;
    },
  };
}
