import { expect, test } from "vitest";
import { Places } from "../../../src/registry/surroundings.js";
import { readCertsFolders } from "../../../src/registry/tls/certs-folders.js";
import { TestMachine } from "../../support/surroundings.js";

async function found(files: readonly string[], url: string): Promise<{ authorities: string[]; client?: string }> {
  await using machine = await TestMachine.create(Object.fromEntries(files.map((name) => [name, ""])));
  const { authorities, client } = await readCertsFolders(new URL(url), new Places(machine.surroundings));
  const relative = (path: string) => path.slice(machine.path("/").length);
  return { authorities: authorities.map(relative), ...(client && { client: relative(client.certificate) }) };
}

test("the first folder of the host counts, alone", async () => {
  const files = ["etc/docker/certs.d/reg.test/b.crt", "home/.config/containers/certs.d/reg.test/a.crt"];
  expect(await found(files, "https://reg.test/")).toEqual({
    authorities: ["home/.config/containers/certs.d/reg.test/a.crt"],
  });
});

test("the usual port may be a part of the folder's name", async () => {
  expect(await found(["etc/docker/certs.d/reg.test:443/a.crt"], "https://reg.test/")).toEqual({
    authorities: ["etc/docker/certs.d/reg.test:443/a.crt"],
  });
});

test("of several pairs, the first by name counts", async () => {
  const names = ["b.cert", "b.key", "a.cert", "a.key", "note.txt"];
  const files = names.map((name) => `etc/docker/certs.d/reg.test:5000/${name}`);
  expect(await found(files, "https://reg.test:5000/")).toEqual({
    authorities: [],
    client: "etc/docker/certs.d/reg.test:5000/a.cert",
  });
});

test.each(["https://../", "https://./"])("%s leads to no folder outside", async (url) => {
  expect(await found(["etc/docker/a.crt", "etc/docker/certs.d/b.crt"], url)).toEqual({ authorities: [] });
});
