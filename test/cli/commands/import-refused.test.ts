import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MEDIA_TYPE } from "../../../src/oci/index.js";
import type { PushRefusal } from "../../../src/registry-server/index.js";
import { sampleImage, sampleLayer } from "../../support/images.js";
import { storeImage } from "../../support/store-image.js";
import { Stage } from "../stage.js";

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.create();
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

interface Printed {
  readonly error: { readonly code: string };
  readonly result: { readonly images: readonly { readonly name: string; readonly failure?: Failure }[] };
}

/** Imports two images, of which the registry refuses `team/app`; why that one failed. */
async function refusedFor(refusal: Omit<PushRefusal, "repository">): Promise<Failure> {
  await stage.export();
  const { far } = stage.scene;
  far.restage({ refuses: [{ ...refusal, repository: "team/app" }] });
  const host = stage.host();

  expect(await host.run("import", stage.bundle, "--to", far.host, "--key", stage.publicKey, "--json")).toBe(5);

  const { error, result } = host.json as Printed;
  expect(error.code).toBe("PARTIAL");
  const failures = result.images.filter(({ failure }) => failure !== undefined);
  expect(failures.map(({ name }) => name)).toEqual([stage.app]);
  expect(far.storage.tags("team/app")).toEqual([]);
  expect(far.storage.tags("library/tiny")).toEqual(["2"]);
  expect(far.openUploads).toBe(0);
  return failures[0]?.failure as Failure;
}

/** Who refuses, and why; how; the error's code; what the hint says. */
type Row = readonly [string, Omit<PushRefusal, "repository">, string, string];

// The words are those that each registry is known to say, by its source or by reports of its users.
const ROWS: readonly Row[] = [
  [
    "Harbor, where the project does not exist",
    { of: "blobs", status: 404, code: "NOT_FOUND", words: "project team not found" },
    "NOT_FOUND",
    "Harbor wants a project",
  ],
  [
    "Harbor, where the project does not exist, to a user who may not know",
    {
      of: "blobs",
      status: 401,
      code: "UNAUTHORIZED",
      words:
        "unauthorized to access repository: team/app, action: push: unauthorized to access repository: team/app, action: push",
    },
    "UNAUTHORIZED",
    "a project that does not exist",
  ],
  [
    "Harbor, with an immutable tag",
    {
      of: "tags",
      status: 412,
      code: "PRECONDITION",
      words: "Failed to process request due to 'app:1.0' configured as immutable.",
    },
    "DENIED",
    "export under a new tag",
  ],
  [
    "Harbor, with its quota used up",
    {
      of: "manifests",
      status: 403,
      code: "DENIED",
      words:
        "adding 2.1 MiB of storage resource, which when updated to current usage of 8.3 MiB will exceed the configured upper limit of 10.0 MiB.",
    },
    "DENIED",
    "have the quota raised",
  ],
  [
    "Harbor, in read-only mode",
    {
      of: "blobs",
      status: 403,
      code: "DENIED",
      words: "The system is in read only mode. Any modification is prohibited.",
    },
    "DENIED",
    "read-only mode ended",
  ],
  [
    "Harbor, where the project is a proxy cache",
    { of: "manifests", status: 403, code: "DENIED", words: "can not push artifact to a proxy project: team" },
    "DENIED",
    "images of its own",
  ],
  [
    "Harbor, with a policy against the image",
    {
      of: "manifests",
      status: 412,
      code: "PROJECTPOLICYVIOLATION",
      words:
        "current image with 3 vulnerabilities cannot be pulled due to configured policy in 'Prevent images with vulnerability severity of \"High\" or higher from running.'",
    },
    "DENIED",
    "the project's policy",
  ],
  [
    "Nexus, which allows no redeployment",
    { of: "tags", status: 400, code: "UNKNOWN", words: "Repository does not allow updating assets: docker-hosted" },
    "DENIED",
    "export under a new tag",
  ],
  [
    "Nexus, where the repository is a group",
    {
      of: "blobs",
      status: 403,
      code: "DENIED",
      words: "Deploying to groups is a PRO-licensed feature. See https://links.sonatype.com/product-nexus-repository",
    },
    "DENIED",
    "images of its own",
  ],
  [
    "ECR, where the repository does not exist",
    {
      of: "blobs",
      status: 404,
      code: "NAME_UNKNOWN",
      words: "The repository with name 'team/app' does not exist in the registry with id '123456789012'",
    },
    "NOT_FOUND",
    "a repository of this very name",
  ],
  [
    "ECR, with an immutable tag",
    {
      of: "tags",
      status: 400,
      code: "TAG_INVALID",
      words:
        "The image tag '1.0' already exists in the 'team/app' repository and cannot be overwritten because the repository is immutable.",
    },
    "DENIED",
    "export under a new tag",
  ],
  [
    "ECR, with a password of yesterday",
    {
      of: "blobs",
      status: 403,
      code: "DENIED",
      words: "Your authorization token has expired. Reauthenticate and try again.",
    },
    "DENIED",
    "12 hours",
  ],
  [
    "ECR, without the right to push",
    {
      of: "blobs",
      status: 403,
      code: "DENIED",
      words:
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-central-1:123456789012:repository/team/app because no identity-based policy allows the ecr:InitiateLayerUpload action",
    },
    "DENIED",
    "ask for the right",
  ],
  [
    "Artifact Registry, with immutable tags",
    {
      of: "tags",
      status: 400,
      code: "MANIFEST_INVALID",
      words: "cannot update tag 1.0. The repository has enabled tag immutability",
    },
    "DENIED",
    "export under a new tag",
  ],
  [
    "Azure, with a locked repository",
    {
      of: "manifests",
      status: 405,
      code: "REGISTRY_DISALLOWED_OPERATION",
      words: "The operation is disallowed on this registry, repository or image.",
    },
    "DENIED",
    "az acr repository show",
  ],
  [
    "Quay, with its quota used up",
    { of: "blobs", status: 403, code: "DENIED", words: "Quota has been exceeded on namespace" },
    "DENIED",
    "have the quota raised",
  ],
  [
    "distribution, which is read-only or a cache",
    { of: "blobs", status: 405, code: "UNSUPPORTED", words: "The operation is unsupported." },
    "DENIED",
    "a cache of another one",
  ],
  [
    "nginx, with a small client_max_body_size",
    { of: "blobs", status: 413, words: "<html><h1>413 Request Entity Too Large</h1></html>" },
    "DENIED",
    "limits the size",
  ],
  [
    "nginx, which wants a client certificate",
    { of: "blobs", status: 400, words: "<html><center>No required SSL certificate was sent</center></html>" },
    "DENIED",
    "client.cert",
  ],
];

describe("one image is refused in the registry's own words, the others are done, and the exit code is 5", () => {
  test.each(ROWS)("%s", async (_who, refusal, code, hint) => {
    const failure = await refusedFor(refusal);

    expect(failure.code).toBe(code);
    expect(failure.message).toContain(JSON.stringify(refusal.words));
    if (refusal.code !== undefined) expect(failure.message).toContain(`: ${refusal.code} "`);
    expect(failure.message).toContain(stage.scene.far.host);
    expect(failure.hint).toContain(hint);
  });

  test("words without an end are cut", async () => {
    const failure = await refusedFor({ of: "blobs", status: 403, code: "DENIED", words: "no ".repeat(10_000) });

    expect(failure.message.length).toBeLessThan(700);
    expect(failure.message).toMatch(/ no? ?…"$/);
  });
});

describe("zot, which takes no Docker media types", () => {
  const REFUSES_DOCKER: PushRefusal = {
    of: "mediaType",
    mediaType: MEDIA_TYPE.dockerManifest,
    status: 415,
    code: "MANIFEST_INVALID",
    words: "manifest invalid",
  };

  test("says what to do, converts nothing, and takes the OCI images", async () => {
    const { near, far } = stage.scene;
    const docker = sampleImage({ layers: [await sampleLayer({ docker: "2.2" })], format: "docker" });
    storeImage(near.storage, "team/docker", "1", docker);
    await stage.scene.export(["team/docker:1", "library/tiny:2"]);
    far.restage({ refuses: [REFUSES_DOCKER] });
    const host = stage.host();

    expect(await host.run("import", stage.bundle, "--to", far.host, "--key", stage.publicKey)).toBe(5);

    expect(host.stderr.text).toContain('MANIFEST_INVALID "manifest invalid" [DENIED]');
    expect(host.stderr.text).toContain('"compat": ["docker2s2"]');
    expect(far.storage.tags("library/tiny")).toEqual(["2"]);
    expect(far.storage.tags("team/docker")).toEqual([]);
    const types = far.requests
      .filter(({ method, path }) => method === "PUT" && path.includes("/team/docker/manifests/"))
      .map(({ headers }) => headers["content-type"]);
    expect(types).toEqual([MEDIA_TYPE.dockerManifest]);
  });
});
