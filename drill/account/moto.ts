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

/**
 * The server lives as long as its stdin: the kernel closes that pipe however Node ends, SIGKILL
 * included, so no process is left behind. Port 0 lets the kernel choose, so no two servers race
 * for a port that looked free; moto learns it afterwards, for the URLs that it hands out.
 *
 * moto keeps an IAM, with all 1,582 managed policies, for each AWS partition. One partition and a
 * lazier garbage collector make a reset and the calls after it several times quicker.
 */
const SERVER = `
import gc, logging, os, sys
from moto.utilities import utils
utils.PARTITION_NAMES[:] = ["aws"]
gc.set_threshold(100000, 50, 50)
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
os.environ["MOTO_PORT"] = str(port)
print(port, flush=True)
sys.stdin.buffer.read()
os._exit(0)
`;

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
  const server = spawn(PYTHON, ["-c", SERVER], { env: { ...process.env, ...ENVIRONMENT } });
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
