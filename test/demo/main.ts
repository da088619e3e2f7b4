/**
 * The main job, start to end, on two registries in this process: sample images
 * are pushed to the near one, exported, verified, and imported into the far
 * one, by the same commands that a user types.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Digest, MEDIA_TYPE } from "../../src/oci/index.js";
import { RegistryClient } from "../../src/registry/index.js";
import { type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { noiseLayer, type SampleImage, sampleImage, sampleIndex, sampleLayer } from "../support/images.js";
import { pushImage } from "../support/push-image.js";
import { TempFolder } from "../support/temp-folder.js";

const SEALIFT = fileURLToPath(new URL("../../bin/sealift.js", import.meta.url));
const MIB = 1024 * 1024;

await using near = await startRegistry();
await using far = await startRegistry();
await using folder = await TempFolder.create();

say(`Two registries are up: ${near.host} on the near side, ${far.host} on the far side of the gap.`);
const images = await pushSamples(near);
const names = [...images.keys()].map((name) => `${near.host}/${name}`);

say("Once, make a key pair. The public half goes to the far side by a way you trust.");
await sealift("keygen", "--output-key-prefix", "demo");

say("On the near side, put the images into one signed file, and carry it across.");
await sealift("export", ...names, "-o", "bundle.tar", "--key", "demo.key");

say("On the far side, check it: the signature, the form of the tar, and every digest, layers unpacked.");
await sealift("verify", "bundle.tar", "--key", "demo.pub", "--deep");

say("Then send it to the internal registry.");
await sealift("import", "bundle.tar", "--to", `${far.host}/mirror`, "--key", "demo.pub");

say("What arrived:");
compare(images, far);

async function pushSamples(registry: RegistryServer): Promise<Map<string, SampleImage>> {
  const base = await noiseLayer(8 * MIB, "base");
  const app = (text: string) => sampleLayer({ "app/hello": text });
  const samples = new Map<string, SampleImage>([
    ["library/base:1.0", sampleImage({ layers: [base] })],
    ["team/web:2.1", sampleImage({ layers: [base, await app("web")], format: "docker" })],
    [
      "team/worker:2.1",
      sampleIndex([
        { image: sampleImage({ layers: [base, await app("worker")] }), platform: "linux/amd64" },
        {
          image: sampleImage({ layers: [await noiseLayer(4 * MIB, "arm")], platform: "linux/arm64" }),
          platform: "linux/arm64",
        },
      ]),
    ],
  ]);
  await using client = new RegistryClient();
  for (const [name, image] of samples) {
    await pushImage(client, `${registry.host}/${name}`, image);
    say(
      `Pushed ${name} (${image.root.descriptor.mediaType === MEDIA_TYPE.ociIndex ? "two platforms" : "one platform"}).`,
    );
  }
  return samples;
}

function compare(samples: ReadonlyMap<string, SampleImage>, registry: RegistryServer): void {
  for (const [name, image] of samples) {
    const [repository = "", tag = ""] = name.split(":");
    const sent = image.root.descriptor.digest;
    const arrived: Digest | undefined = registry.storage.manifest(`mirror/${repository}`, tag)?.descriptor.digest;
    console.log(`  ${arrived === sent ? "same digest" : "DIFFERENT  "}  ${sent}  mirror/${name}`);
    if (arrived !== sent) process.exitCode = 1;
  }
}

async function sealift(...args: string[]): Promise<void> {
  console.log(`\n  $ sealift ${args.join(" ")}\n`);
  const env = { ...process.env, COSIGN_PASSWORD: "demo" };
  const child = spawn(process.execPath, [SEALIFT, ...args], {
    cwd: folder.path,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Error(`sealift ${args[0]} ended with exit code ${String(code)}`);
}

function say(text: string): void {
  console.log(`\n${text}`);
}
