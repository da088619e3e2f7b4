import { expect, test } from "vitest";
import { placesOn } from "./lookup.js";

const PODMAN = { "etc/containers/registries.conf": '[[registry]]\nprefix = "docker.io"\nlocation = "podman.test"\n' };
const CONTAINERD = { "etc/containerd/certs.d/docker.io/hosts.toml": 'server = "https://containerd.test"\n' };
const DOCKER = { "etc/docker/daemon.json": '{"registry-mirrors":["https://docker.test"]}' };

test.each<[string, Record<string, string>, string]>([
  ["registries.conf", { ...PODMAN, ...CONTAINERD, ...DOCKER }, "podman.test"],
  ["hosts.toml", { ...CONTAINERD, ...DOCKER }, "containerd.test"],
  ["daemon.json", DOCKER, "docker.test"],
  ["the reference", {}, "registry-1.docker.io"],
])("the first that says something counts: %s", async (_what, files, host) => {
  const [place] = await placesOn(files, "nginx:1");
  expect(new URL(place!).host).toBe(host);
});

test("a file of another tool is not read where one has said enough", async () => {
  const files = { ...PODMAN, "etc/docker/daemon.json": "garbage" };
  expect(await placesOn(files, "nginx:1")).toEqual(["https://podman.test/v2/library/nginx"]);
});
