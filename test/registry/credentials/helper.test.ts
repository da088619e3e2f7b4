import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { askHelper, eraseWithHelper, storeWithHelper } from "../../../src/registry/credentials/helper.js";
import { HelperFolder } from "../../support/credential-helper.js";
import { everythingSaidBy, failureOf } from "../../support/errors.js";

const SECRET = "hunter2-hunter2";

let helpers: HelperFolder;

beforeEach(async () => {
  helpers = await HelperFolder.create();
});

afterEach(async () => {
  await helpers[Symbol.asyncDispose]();
});

function entry(helper: string, serverUrl = "reg.internal") {
  return { helper, serverUrl, source: 'credHelpers in "config.json"' };
}

async function asked(script: string, limits: { timeLimit?: number; signal?: AbortSignal } = {}) {
  await helpers.add("test", script);
  return await askHelper(entry("test"), { env: helpers.env, ...limits });
}

/** A script that leaves its process number, and never ends. */
function hanging(): string {
  return `echo $$ >> '${helpers.logPath("test")}'; exec sleep 1000`;
}

/** Waits until the process of {@link hanging} is no more. */
async function gone(): Promise<void> {
  const [pid] = await helpers.log("test");
  await vi.waitFor(() => expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH"));
}

describe("a credential helper that is asked", () => {
  test("gets the registry on standard input, and get as its only argument", async () => {
    await helpers.addAnswering("test", { ServerURL: "reg.internal", Username: "ann", Secret: SECRET });
    expect(await askHelper(entry("test"), { env: helpers.env })).toEqual({
      username: "ann",
      password: SECRET,
      source: 'docker-credential-test (credHelpers in "config.json")',
    });
    expect(await helpers.log("test")).toEqual(["get reg.internal"]);
  });

  test("may have an identity token", async () => {
    expect(await asked(`echo '{"Username":"<token>","Secret":"idt"}'`)).toMatchObject({ identityToken: "idt" });
  });

  test("may have nothing, and say so", async () => {
    expect(await asked("echo 'credentials not found in native keychain'; exit 1")).toBeUndefined();
    expect(await asked(`echo '{"ServerURL":"","Username":"","Secret":""}'`)).toBeUndefined();
  });

  test("need not read what it is given", async () => {
    expect(await asked(`exec 0<&-; echo '{"Username":"a","Secret":"b"}'`)).toMatchObject({ username: "a" });
  });
});

describe("a credential helper that fails", () => {
  test("because it is not there is named, with the file that names it", async () => {
    const error = await failureOf(() => askHelper(entry("absent"), { env: helpers.env }));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.message).toBe(
      `expected to run the credential helper docker-credential-absent, which ${entry("absent").source} names, got no such program on the PATH`,
    );
  });

  test.each(["../evil", "a/b", "a\\b", "", "-x", "a b", "a;b", "$(x)", ".."])(
    "because %j could be a path or a command is not run",
    async (name) => {
      const error = await failureOf(() => askHelper(entry(name), { env: helpers.env }));
      expect(error).toMatchObject({ code: "CONFIG_INVALID" });
      expect(error.message).toContain("to name a credential helper");
    },
  );

  test("by hanging is killed", async () => {
    const error = await failureOf(() => asked(hanging(), { timeLimit: 500 }));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.message).toBe(
      "expected the credential helper docker-credential-test to answer get, got no end within 0.5 s",
    );
    await gone();
  });

  test("by leaving a child with its pipes is not waited for", async () => {
    const error = await failureOf(() => asked("sleep 2 & echo ready; exec sleep 2", { timeLimit: 50 }));
    expect(error.message).toContain("no end within");
  });

  test("by an answer without an end is killed", async () => {
    const error = await failureOf(() => asked("exec yes 'Secret hunter2-hunter2'"));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.message).toContain("an answer of more than 1048576 bytes");
    expect(everythingSaidBy(error)).not.toContain(SECRET);
  });

  test("is killed when the user stops", async () => {
    const controller = new AbortController();
    const asking = asked(hanging(), { signal: controller.signal });
    const stopped = expect(asking).rejects.toThrow("stopped");
    await vi.waitFor(async () => expect(await helpers.log("test")).toHaveLength(1));
    controller.abort(new Error("stopped"));
    await stopped;
    await gone();
  });

  test.each<[string, string]>([
    ["noise before the answer", `echo 'Loading…'; echo '{"Username":"ann","Secret":"${SECRET}"}'`],
    ["noise after the answer", `echo '{"Username":"ann","Secret":"${SECRET}"}'; echo done`],
    ["an answer that was cut", `printf '{"Username":"ann","Secret":"${SECRET}'`],
    ["an answer of another form", `echo '{"username":"ann","secret":"${SECRET}"}'`],
    ["a list", `echo '["${SECRET}"]'`],
    ["nothing", ":"],
    ["binary noise", "printf '\\377\\376\\000'"],
  ])("by %s is an error which shows nothing of it", async (_what, script) => {
    const error = await failureOf(() => asked(script));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.message).toContain("docker-credential-test");
    expect(everythingSaidBy(error)).not.toContain(SECRET);
  });

  test("has its words shown, safely and not too many", async () => {
    const error = await failureOf(() => asked(`printf 'the keychain\\033[2J is locked%500s' . >&2; exit 3`));
    expect(error.message).toContain('got exit code 3: "the keychain\\u001b[2J is locked');
    expect(error.message.length).toBeLessThan(500);
  });

  test("has no answer shown that it gave nevertheless", async () => {
    const error = await failureOf(() => asked(`echo '{"Username":"ann","Secret":"${SECRET}"}'; exit 1`));
    expect(error.message).toMatch(/got exit code 1$/);
    expect(everythingSaidBy(error)).not.toContain(SECRET);
  });

  test("by a signal says so", async () => {
    expect((await failureOf(() => asked("kill -9 $$"))).message).toContain("got its end by a signal");
  });
});

describe("a credential helper that keeps credentials", () => {
  const LOGIN = { username: "ann", password: `${SECRET}"é` };

  test("has them again", async () => {
    await helpers.addKeeping("test");
    const surroundings = { env: helpers.env };
    await storeWithHelper(entry("test"), LOGIN, surroundings);
    expect(await helpers.log("test")).toEqual([
      `store ${JSON.stringify({ ServerURL: "reg.internal", Username: "ann", Secret: LOGIN.password })}`,
    ]);
    expect(await askHelper(entry("test"), surroundings)).toMatchObject(LOGIN);
    expect(await eraseWithHelper(entry("test"), surroundings)).toBe(true);
    expect(await askHelper(entry("test"), surroundings)).toBeUndefined();
    expect(await eraseWithHelper(entry("test"), surroundings)).toBe(false);
  });

  test("may refuse, and its words are shown only without the secret in them", async () => {
    const refused = async (script: string) => {
      await helpers.add("test", script);
      return await failureOf(() =>
        storeWithHelper(entry("test"), { ...LOGIN, password: SECRET }, { env: helpers.env }),
      );
    };
    expect((await refused("echo not implemented; exit 1")).message).toContain(
      'to store the credentials of reg.internal, got exit code 1: "not implemented"',
    );
    expect(everythingSaidBy(await refused("cat; exit 1"))).not.toContain(SECRET);
    expect(everythingSaidBy(await refused(`echo bad password ${SECRET}; exit 1`))).not.toContain(SECRET);
  });

  test("may refuse to forget what it has", async () => {
    await helpers.add("test", `[ "$1" = get ] && echo '{"Username":"a","Secret":"b"}' && exit 0; echo no; exit 1`);
    const error = await failureOf(() => eraseWithHelper(entry("test"), { env: helpers.env }));
    expect(error.message).toContain('to erase the credentials of reg.internal, got exit code 1: "no"');
  });
});
