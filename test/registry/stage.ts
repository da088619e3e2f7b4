import { afterEach } from "vitest";
import type {
  CredentialLookup,
  RegistryClient,
  RegistryClientOptions,
  RegistryRepository,
} from "../../src/registry/index.js";
import type { Quirks, RegistryServer } from "../../src/registry-server/index.js";
import { impatientClient, startedRegistry } from "./fixture.js";

/** The registry of the test that runs; it is closed after it, and so is the client. */
export let registry: RegistryServer;
export let client: RegistryClient;

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await registry.close();
});

/** Starts a registry that has the image `app:1`, and gives one of its repositories as a client sees it. */
export async function given(
  quirks: Quirks = {},
  options: RegistryClientOptions = {},
  repository = "app",
): Promise<RegistryRepository> {
  registry = await startedRegistry(quirks);
  client = impatientClient(options);
  return client.repository(registry.host, repository);
}

/** The same for a client that has credentials, if any are there. */
export async function givenLogin(quirks: Quirks = {}, credentials?: CredentialLookup): Promise<RegistryRepository> {
  return await given(quirks, credentials && { credentials });
}
