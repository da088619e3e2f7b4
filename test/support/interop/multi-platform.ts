import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const REF_NAME = "org.opencontainers.image.ref.name";

/** Adds an index to an OCI layout that has images tagged amd64 and arm64, in the form BuildKit gives it. */
export async function addMultiPlatformIndex(layout: string, tag: string): Promise<void> {
  const indexJson = join(layout, "index.json");
  const top = JSON.parse(await readFile(indexJson, "utf8")) as { manifests: Descriptor[] };
  const tagged = (name: string): Descriptor => {
    const found = top.manifests.find((manifest) => manifest.annotations?.[REF_NAME] === name);
    if (found === undefined) {
      throw new Error(`expected an image tagged ${name} in ${layout}`);
    }
    return { mediaType: found.mediaType, digest: found.digest, size: found.size };
  };

  const index = await addJson(layout, INDEX, {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: [
      { ...tagged("amd64"), platform: { architecture: "amd64", os: "linux" } },
      { ...tagged("arm64"), platform: { architecture: "arm64", os: "linux", variant: "v8" } },
      await addAttestation(layout, tagged("amd64").digest),
    ],
  });
  top.manifests.push({ ...index, annotations: { [REF_NAME]: tag } });
  await writeFile(indexJson, JSON.stringify(top));
}

/** https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md */
async function addAttestation(layout: string, subject: string): Promise<object> {
  const statement = await addJson(layout, "application/vnd.in-toto+json", {
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType: "https://slsa.dev/provenance/v0.2",
    subject: [{ name: "pkg:docker/team/multi@1", digest: { sha256: subject.slice("sha256:".length) } }],
    predicate: {},
  });
  const config = await addJson(layout, "application/vnd.oci.image.config.v1+json", {
    architecture: "unknown",
    os: "unknown",
    config: {},
    rootfs: { type: "layers", diff_ids: [statement.digest] },
  });
  const manifest = await addJson(layout, MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config,
    layers: [statement],
  });
  return {
    ...manifest,
    annotations: { "vnd.docker.reference.digest": subject, "vnd.docker.reference.type": "attestation-manifest" },
    platform: { architecture: "unknown", os: "unknown" },
  };
}

async function addJson(layout: string, mediaType: string, content: object): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(content));
  const hex = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(layout, "blobs/sha256", hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
